/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/memphys.yaml */
/* YNL-GEN kernel header */
/* To regenerate run: tools/net/ynl/ynl-regen.sh */

#ifndef _LINUX_MEMPHYS_GEN_H
#define _LINUX_MEMPHYS_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/memphys.h>

int memphys_nl_method_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int memphys_nl_region_new_doit(struct sk_buff *skb, struct genl_info *info);
int memphys_nl_region_del_doit(struct sk_buff *skb, struct genl_info *info);
int memphys_nl_region_get_doit(struct sk_buff *skb, struct genl_info *info);
int memphys_nl_region_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);

enum {
	MEMPHYS_NLGRP_EVENTS,
};

extern struct genl_family memphys_nl_family;

#endif /* _LINUX_MEMPHYS_GEN_H */
