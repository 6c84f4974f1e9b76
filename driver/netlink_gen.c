// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/memphys.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: tools/net/ynl/ynl-regen.sh */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/memphys.h>

/* MEMPHYS_CMD_REGION_NEW - do */
static const struct nla_policy memphys_region_new_nl_policy[MEMPHYS_A_REGION_BASE + 1] = {
	[MEMPHYS_A_REGION_NAME] = { .type = NLA_NUL_STRING, .len = MEMPHYS_NAME_MAX, },
	[MEMPHYS_A_REGION_BACKING] = NLA_POLICY_MAX(NLA_U32, 3),
	[MEMPHYS_A_REGION_METHOD] = { .type = NLA_NUL_STRING, .len = MEMPHYS_NAME_MAX, },
	[MEMPHYS_A_REGION_SIZE] = { .type = NLA_U64, },
	[MEMPHYS_A_REGION_LIFETIME] = NLA_POLICY_MAX(NLA_U32, 1),
	[MEMPHYS_A_REGION_BASE] = { .type = NLA_U64, },
};

/* MEMPHYS_CMD_REGION_DEL - do */
static const struct nla_policy memphys_region_del_nl_policy[MEMPHYS_A_REGION_REVOKE + 1] = {
	[MEMPHYS_A_REGION_NAME] = { .type = NLA_NUL_STRING, .len = MEMPHYS_NAME_MAX, },
	[MEMPHYS_A_REGION_REVOKE] = { .type = NLA_FLAG, },
};

/* MEMPHYS_CMD_REGION_GET - do */
static const struct nla_policy memphys_region_get_nl_policy[MEMPHYS_A_REGION_NAME + 1] = {
	[MEMPHYS_A_REGION_NAME] = { .type = NLA_NUL_STRING, .len = MEMPHYS_NAME_MAX, },
};

/* Ops table for memphys */
static const struct genl_split_ops memphys_nl_ops[] = {
	{
		.cmd	= MEMPHYS_CMD_METHOD_GET,
		.dumpit	= memphys_nl_method_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= MEMPHYS_CMD_REGION_NEW,
		.doit		= memphys_nl_region_new_doit,
		.policy		= memphys_region_new_nl_policy,
		.maxattr	= MEMPHYS_A_REGION_BASE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= MEMPHYS_CMD_REGION_DEL,
		.doit		= memphys_nl_region_del_doit,
		.policy		= memphys_region_del_nl_policy,
		.maxattr	= MEMPHYS_A_REGION_REVOKE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= MEMPHYS_CMD_REGION_GET,
		.doit		= memphys_nl_region_get_doit,
		.policy		= memphys_region_get_nl_policy,
		.maxattr	= MEMPHYS_A_REGION_NAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= MEMPHYS_CMD_REGION_GET,
		.dumpit	= memphys_nl_region_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
};

static const struct genl_multicast_group memphys_nl_mcgrps[] = {
	[MEMPHYS_NLGRP_EVENTS] = { "events", },
};

struct genl_family memphys_nl_family __ro_after_init = {
	.name		= MEMPHYS_FAMILY_NAME,
	.version	= MEMPHYS_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= memphys_nl_ops,
	.n_split_ops	= ARRAY_SIZE(memphys_nl_ops),
	.mcgrps		= memphys_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(memphys_nl_mcgrps),
};
