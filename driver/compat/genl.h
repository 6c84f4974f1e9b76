/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys: generic netlink families with split operations, which came with
 * 6.2, on what was there before.
 */
#ifndef MEMPHYS_COMPAT_GENL_H
#define MEMPHYS_COMPAT_GENL_H

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)

#include <net/genetlink.h>

/* struct genl_split_ops - the part that the generator fills in */
struct genl_split_ops {
	u8 cmd;
	u8 flags;
	int (*doit)(struct sk_buff *skb, struct genl_info *info);
	int (*dumpit)(struct sk_buff *skb, struct netlink_callback *cb);
	const struct nla_policy *policy;
	unsigned int maxattr;
};

/* Commands of the family. */
#define MEMPHYS_COMPAT_OPS	8

/*
 * struct memphys_compat_family - as the generator writes it down, and @real,
 * which compat_genl_register() makes from it
 */
struct memphys_compat_family {
	char name[GENL_NAMSIZ];
	unsigned int version;
	bool netnsok;
	bool parallel_ops;
	struct module *module;
	const struct genl_split_ops *split_ops;
	unsigned int n_split_ops;
	const struct genl_multicast_group *mcgrps;
	unsigned int n_mcgrps;
	struct genl_family real;
	struct genl_ops ops[MEMPHYS_COMPAT_OPS];
};

int memphys_compat_register(struct memphys_compat_family *family);

#define genl_family		memphys_compat_family
#define genl_register_family(f)	memphys_compat_register(f)
#define genl_unregister_family(f)	genl_unregister_family(&(f)->real)
#define genlmsg_put(skb, portid, seq, f, flags, cmd) \
	genlmsg_put(skb, portid, seq, &(f)->real, flags, cmd)
#define genlmsg_multicast(f, skb, portid, group, flags) \
	genlmsg_multicast(&(f)->real, skb, portid, group, flags)

#endif /* LINUX_VERSION_CODE */
#endif /* MEMPHYS_COMPAT_GENL_H */
