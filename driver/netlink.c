// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the control plane, generic netlink. The messages are described in
 * Documentation/netlink/specs/memphys.yaml; netlink_gen.c is made from it.
 *
 * This file has the family, and what all requests are asked. A refusal names
 * the attribute that it is about, and says what would be right.
 */
#include <linux/capability.h>
#include <net/genetlink.h>

#include "memphys.h"
#include "netlink.h"

/**
 * memphys_nl_check_cap() - see whether who asks may ask
 * @skb: the request
 * @extack: for the reason
 *
 * Return: 0, or -EPERM without CAP_SYS_RAWIO.
 */
int memphys_nl_check_cap(struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	if (netlink_capable(skb, CAP_SYS_RAWIO))
		return 0;

	NL_SET_ERR_MSG(extack, "CAP_SYS_RAWIO is needed, as to open a node");
	return -EPERM;
}

static const char *memphys_nl_name(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[MEMPHYS_A_REGION_NAME];

	if (GENL_REQ_ATTR_CHECK(info, MEMPHYS_A_REGION_NAME)) {
		NL_SET_ERR_MSG(info->extack, "which region?");
		return NULL;
	}

	if (memphys_check_name(nla_data(attr))) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "1 to 31 of a-z, 0-9, - and _, the first a letter or digit");
		return NULL;
	}

	return nla_data(attr);
}

/**
 * memphys_nl_check() - see whether who asks may ask, and of which region
 * @skb: the request
 * @info: of the request
 * @name: set to the name, which may be nobody's
 *
 * Return: 0; -EPERM without CAP_SYS_RAWIO, -EINVAL without a proper name.
 */
int memphys_nl_check(struct sk_buff *skb, struct genl_info *info,
		     const char **name)
{
	int ret;

	ret = memphys_nl_check_cap(skb, info->extack);
	if (ret)
		return ret;

	*name = memphys_nl_name(info);
	return *name ? 0 : -EINVAL;
}

/**
 * memphys_nl_no_region() - say that a name is nobody's
 * @info: of the request
 *
 * Return: -ENOENT.
 */
int memphys_nl_no_region(struct genl_info *info)
{
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[MEMPHYS_A_REGION_NAME],
			    "there is no such region, region-get lists them");
	return -ENOENT;
}

/*
 * Where a task faults, and which, is no more for everybody than a request is.
 * The spec cannot say so: the generator leaves the flags of a group out.
 */
static const struct genl_multicast_group memphys_nl_groups[] = {
	[MEMPHYS_NLGRP_EVENTS] = {
		.name = MEMPHYS_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
};

/**
 * memphys_netlink_init() - open the control plane
 *
 * Return: 0 or a negative error.
 */
int memphys_netlink_init(void)
{
	memphys_nl_family.mcgrps = memphys_nl_groups;
	memphys_nl_family.n_mcgrps = ARRAY_SIZE(memphys_nl_groups);
	return genl_register_family(&memphys_nl_family);
}

/**
 * memphys_netlink_exit() - close the control plane
 */
void memphys_netlink_exit(void)
{
	genl_unregister_family(&memphys_nl_family);
}
