// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: registers a family of split operations where there are but whole
 * ones, a command with .doit and .dumpit together.
 */
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)

#undef genl_family
#undef genl_register_family

static struct genl_ops *memphys_compat_op(struct memphys_compat_family *family,
					  u8 cmd)
{
	unsigned int i;

	for (i = 0; i < family->real.n_ops; i++)
		if (family->ops[i].cmd == cmd)
			return &family->ops[i];

	if (family->real.n_ops == MEMPHYS_COMPAT_OPS)
		return NULL;

	family->ops[i].cmd = cmd;
	family->real.n_ops++;
	return &family->ops[i];
}

int memphys_compat_register(struct memphys_compat_family *family)
{
	unsigned int i;

	strscpy(family->real.name, family->name, GENL_NAMSIZ);
	family->real.version = family->version;
	family->real.netnsok = family->netnsok;
	family->real.parallel_ops = family->parallel_ops;
	family->real.module = family->module;
	family->real.mcgrps = family->mcgrps;
	family->real.n_mcgrps = family->n_mcgrps;
	family->real.ops = family->ops;

	for (i = 0; i < family->n_split_ops; i++) {
		const struct genl_split_ops *from = &family->split_ops[i];
		struct genl_ops *op = memphys_compat_op(family, from->cmd);

		if (!op)
			return -ENOSPC;

		op->flags |= from->flags & GENL_ADMIN_PERM;
		if (from->doit)
			op->doit = from->doit;
		if (from->dumpit)
			op->dumpit = from->dumpit;
		if (from->policy) {
			op->policy = from->policy;
			op->maxattr = from->maxattr;
		}
	}

	return genl_register_family(&family->real);
}

#endif /* LINUX_VERSION_CODE */
