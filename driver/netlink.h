/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys: what the files of the control plane share.
 */
#ifndef MEMPHYS_NETLINK_H
#define MEMPHYS_NETLINK_H

#include "netlink_gen.h"

/* netlink.c: what all requests are asked. */
int memphys_nl_check_cap(struct sk_buff *skb, struct netlink_ext_ack *extack);
int memphys_nl_check(struct sk_buff *skb, struct genl_info *info,
		     const char **name);
int memphys_nl_no_region(struct genl_info *info);

#endif /* MEMPHYS_NETLINK_H */
