// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the control plane's requests that change something. A refusal says
 * what would be right.
 */
#include <net/genetlink.h>

#include "memphys.h"
#include "netlink.h"

static int memphys_nl_check_memory(struct genl_info *info,
				   struct memphys_region_spec *spec)
{
	struct nlattr *base = info->attrs[MEMPHYS_A_REGION_BASE];
	struct nlattr *size = info->attrs[MEMPHYS_A_REGION_SIZE];
	u64 bytes = nla_get_u64(size);
	u64 first = base ? nla_get_u64(base) : 0;

	if (!bytes || !PAGE_ALIGNED(bytes) || bytes >> PAGE_SHIFT > ULONG_MAX) {
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "bytes, a whole number of pages");
		return -EINVAL;
	}
	spec->npages = bytes >> PAGE_SHIFT;

	if (spec->backing != MEMPHYS_BACKING_PHYS) {
		if (!base)
			return 0;
		NL_SET_ERR_MSG_ATTR(info->extack, base,
				    "for backing phys only, others allocate");
		return -EINVAL;
	}

	if (GENL_REQ_ATTR_CHECK(info, MEMPHYS_A_REGION_BASE)) {
		NL_SET_ERR_MSG(info->extack,
			       "where does a phys region begin?");
		return -EINVAL;
	}

	if (!PAGE_ALIGNED(first)) {
		NL_SET_ERR_MSG_ATTR(info->extack, base,
				    "the physical address of a page");
		return -EINVAL;
	}

	if (memphys_check_pages(first >> PAGE_SHIFT, spec->npages,
				memphys_limit())) {
		NL_SET_ERR_MSG_ATTR(info->extack, base,
				    "base and size leave what the CPU can address");
		return -EINVAL;
	}

	spec->base = first >> PAGE_SHIFT;
	return 0;
}

/* For a message that is not known here; it stays where it is. */
static void memphys_nl_say(struct netlink_ext_ack *extack, const char *message)
{
	if (extack)
		extack->_msg = message;
}

static int memphys_nl_check_pair(struct genl_info *info,
				 const struct memphys_region_spec *spec)
{
	const char *reason;

	reason = memphys_refuses_backing(spec->method, spec->backing);
	if (reason) {
		NL_SET_BAD_ATTR(info->extack,
				info->attrs[MEMPHYS_A_REGION_BACKING]);
		goto refuse;
	}

	reason = memphys_refuses_lifetime(spec->method, spec->backing,
					  spec->lifetime);
	if (reason) {
		NL_SET_BAD_ATTR(info->extack,
				info->attrs[MEMPHYS_A_REGION_LIFETIME]);
		goto refuse;
	}

	return 0;

refuse:
	memphys_nl_say(info->extack, reason);
	return -EOPNOTSUPP;
}

static int memphys_nl_create(struct genl_info *info,
			     const struct memphys_region_spec *spec)
{
	int ret;

	ret = memphys_nl_check_pair(info, spec);
	if (ret)
		return ret;

	ret = memphys_region_create(spec);
	switch (ret) {
	case -EEXIST:
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[MEMPHYS_A_REGION_NAME],
				    "taken, region-get lists the names");
		break;
	case -ENOMEM:
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[MEMPHYS_A_REGION_SIZE],
				    "no such memory; parameter max_bytes and the backing set limits");
		break;
	case -EBUSY:
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[MEMPHYS_A_REGION_NAME],
				    "no minor number is left for a node, delete a region");
		break;
	case -ENOSPC:
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[MEMPHYS_A_REGION_NAME],
				    "as many regions as parameter max_regions allows, delete one");
		break;
	}
	return ret;
}

int memphys_nl_region_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	static const int required[] = {
		MEMPHYS_A_REGION_BACKING,
		MEMPHYS_A_REGION_METHOD,
		MEMPHYS_A_REGION_SIZE,
	};
	struct nlattr *lifetime = info->attrs[MEMPHYS_A_REGION_LIFETIME];
	struct memphys_region_spec spec = { };
	struct nlattr *method;
	size_t i;
	int ret;

	ret = memphys_nl_check(skb, info, &spec.name);
	if (ret)
		return ret;

	for (i = 0; i < ARRAY_SIZE(required); i++) {
		if (GENL_REQ_ATTR_CHECK(info, required[i])) {
			NL_SET_ERR_MSG(info->extack,
				       "name, backing, method and size are needed");
			return -EINVAL;
		}
	}

	spec.backing = nla_get_u32(info->attrs[MEMPHYS_A_REGION_BACKING]);
	spec.lifetime = lifetime ? nla_get_u32(lifetime) :
				   MEMPHYS_LIFETIME_REGION;
	ret = memphys_nl_check_memory(info, &spec);
	if (ret)
		return ret;

	method = info->attrs[MEMPHYS_A_REGION_METHOD];
	mutex_lock(&memphys_lock);
	spec.method = memphys_method_get(nla_data(method));
	mutex_unlock(&memphys_lock);
	if (!spec.method) {
		NL_SET_ERR_MSG_ATTR(info->extack, method,
				    "there is no such method, method-get lists them");
		return -ENOENT;
	}

	ret = memphys_nl_create(info, &spec);
	if (ret) {
		memphys_method_put(spec.method);
		return ret;
	}

	memphys_notify(MEMPHYS_CMD_REGION_NEW_NTF, spec.name);
	return 0;
}

int memphys_nl_region_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	bool revoke = nla_get_flag(info->attrs[MEMPHYS_A_REGION_REVOKE]);
	const char *name;
	int ret;

	ret = memphys_nl_check(skb, info, &name);
	if (ret)
		return ret;

	ret = memphys_region_delete(name, revoke);
	switch (ret) {
	case 0:
		memphys_notify(revoke ? MEMPHYS_CMD_REGION_REVOKED_NTF :
					MEMPHYS_CMD_REGION_DEL_NTF, name);
		break;
	case -ENOENT:
		return memphys_nl_no_region(info);
	case -EBUSY:
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[MEMPHYS_A_REGION_NAME],
				    "open or mapped; revoke takes it away all the same");
		break;
	case -EPERM:
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[MEMPHYS_A_REGION_NAME],
				    "the window of a method stays as long as its module");
		break;
	}
	return ret;
}
