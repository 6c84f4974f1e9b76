#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The suite in Python, on this machine, where its packages are installed. Whatever
# it finds wrong with the kernel, this machine is the one that suffers.

KSFT_SKIP=4

skip()
{
	printf '# SKIP %s\n' "$*"
	exit $KSFT_SKIP
}

cd "$(dirname "$0")" || exit 1
[ "$(id -u)" = 0 ] || skip "only root may open the nodes"
command -v python3 > /dev/null || skip "no python3"

for module in hypothesis pyroute2 pytest qemu.qmp zstandard; do
	python3 -c "import $module" 2> /dev/null || skip "no Python package $module"
done
modprobe -n memphys || skip "no module memphys: needs CONFIG_MEMPHYS=m"

results=$(mktemp -d) || exit 1
PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=. \
	python3 -m pytest -c kselftest.ini --results="$results" "$@"
