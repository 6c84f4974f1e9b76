#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The regression cases, replayed by the agent alone: a shell and one static program
# are all that it takes. The output is KTAP.

KSFT_SKIP=4

skip()
{
	printf 'KTAP version 1\n1..0 # SKIP %s\n' "$*"
	exit $KSFT_SKIP
}

cd "$(dirname "$0")" || exit 1
[ "$(id -u)" = 0 ] || skip "only root may open the nodes"

if [ ! -e /dev/memphys/remap ]; then
	modprobe memphys arena=4M || skip "no module memphys: needs CONFIG_MEMPHYS=m"
	trap 'rmmod memphys' EXIT
fi

./memphys_agent replay cases
