// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the control plane, generic netlink. The messages are described in
 * Documentation/netlink/specs/memphys.yaml; netlink_gen.c is made from it.
 *
 * A refusal names the attribute that it is about, and says what would be
 * right.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "memphys.h"
#include "netlink_gen.h"

/**
 * struct memphys_reply - where a visitor writes its message
 * @skb: the buffer
 * @portid: of who asked
 * @seq: of the request
 * @flags: NLM_F_MULTI in a dump
 * @cb: of a dump, else NULL
 * @done: entries that the buffer holds
 */
struct memphys_reply {
	struct sk_buff *skb;
	u32 portid;
	u32 seq;
	int flags;
	struct netlink_callback *cb;
	unsigned long done;
};

static int memphys_nl_check_cap(struct sk_buff *skb,
				struct netlink_ext_ack *extack)
{
	if (netlink_capable(skb, CAP_SYS_RAWIO))
		return 0;

	NL_SET_ERR_MSG(extack, "CAP_SYS_RAWIO is needed, as to open a node");
	return -EPERM;
}

/* For a message that is not known here; it stays where it is. */
static void memphys_nl_say(struct netlink_ext_ack *extack, const char *message)
{
	if (extack)
		extack->_msg = message;
}

static void *memphys_nl_put(struct memphys_reply *reply, u8 cmd)
{
	void *hdr;

	hdr = genlmsg_put(reply->skb, reply->portid, reply->seq,
			  &memphys_nl_family, reply->flags, cmd);
	if (hdr && reply->cb)
		genl_dump_check_consistent(reply->cb, hdr);
	return hdr;
}

/* Methods. */

static void memphys_nl_backings(const struct memphys_method *method,
				u32 *with_region, u32 *with_mapping)
{
	u32 kind;

	*with_region = 0;
	*with_mapping = 0;
	for (kind = 0; kind <= MEMPHYS_BACKING_VMALLOC; kind++) {
		if (memphys_refuses_backing(method, kind))
			continue;
		*with_region |= BIT(kind);
		if (!memphys_refuses_lifetime(method, kind,
					      MEMPHYS_LIFETIME_MAPPING))
			*with_mapping |= BIT(kind);
	}
}

static int memphys_nl_fill_method(const struct memphys_method *method,
				  void *data)
{
	struct memphys_reply *reply = data;
	u32 with_region, with_mapping;
	void *hdr;

	hdr = memphys_nl_put(reply, MEMPHYS_CMD_METHOD_GET);
	if (!hdr)
		return -EMSGSIZE;

	memphys_nl_backings(method, &with_region, &with_mapping);
	if (nla_put_string(reply->skb, MEMPHYS_A_METHOD_NAME, method->name) ||
	    nla_put_u32(reply->skb, MEMPHYS_A_METHOD_FLAGS, method->flags) ||
	    nla_put_u32(reply->skb, MEMPHYS_A_METHOD_BACKINGS, with_region) ||
	    nla_put_u32(reply->skb, MEMPHYS_A_METHOD_BACKINGS_MAPPING,
			with_mapping)) {
		genlmsg_cancel(reply->skb, hdr);
		return -EMSGSIZE;
	}

	genlmsg_end(reply->skb, hdr);
	reply->done++;
	return 0;
}

/* Regions. */

static int memphys_nl_put_u64(struct memphys_reply *reply, int type, u64 value)
{
	return nla_put_u64_64bit(reply->skb, type, value,
				 MEMPHYS_A_REGION_PAD);
}

static int memphys_nl_put_counter(struct memphys_reply *reply, int type,
				  u64 value)
{
	return nla_put_u64_64bit(reply->skb, type, value,
				 MEMPHYS_A_COUNTERS_PAD);
}

static int memphys_nl_fill_counters(struct memphys_region *region,
				    struct memphys_reply *reply)
{
	struct nlattr *nest;
	u32 has = memphys_backings[region->kind].has;

	nest = nla_nest_start(reply->skb, MEMPHYS_A_REGION_COUNTERS);
	if (!nest)
		return -EMSGSIZE;

	/* A number for a reader: region->lock would buy nothing. */
	if (memphys_nl_put_counter(reply, MEMPHYS_A_COUNTERS_OPENS,
				   READ_ONCE(region->opens)) ||
	    memphys_nl_put_counter(reply, MEMPHYS_A_COUNTERS_VMAS,
				   atomic64_read(&region->vmas)) ||
	    memphys_nl_put_counter(reply, MEMPHYS_A_COUNTERS_FAULTS,
				   atomic64_read(&region->faults)) ||
	    memphys_nl_put_counter(reply, MEMPHYS_A_COUNTERS_PAGES,
				   atomic64_read(&region->pages)) ||
	    memphys_nl_put_counter(reply, MEMPHYS_A_COUNTERS_REPEATS,
				   atomic64_read(&region->repeats)))
		return -EMSGSIZE;

	if ((has & MEMPHYS_NEED_PAGES) &&
	    memphys_nl_put_counter(reply, MEMPHYS_A_COUNTERS_REFERENCES,
				   memphys_memory_references(region)))
		return -EMSGSIZE;

	nla_nest_end(reply->skb, nest);
	return 0;
}

static int memphys_nl_fill_geometry(struct memphys_region *region,
				    struct memphys_reply *reply)
{
	u32 has = memphys_backings[region->kind].has;

	if (nla_put_string(reply->skb, MEMPHYS_A_REGION_NAME, region->name) ||
	    nla_put_u32(reply->skb, MEMPHYS_A_REGION_BACKING, region->kind) ||
	    nla_put_string(reply->skb, MEMPHYS_A_REGION_METHOD,
			   region->method->name) ||
	    memphys_nl_put_u64(reply, MEMPHYS_A_REGION_SIZE,
			       PFN_PHYS((u64)region->npages)) ||
	    nla_put_u32(reply->skb, MEMPHYS_A_REGION_LIFETIME,
			region->lifetime))
		return -EMSGSIZE;

	if (region->memory && (has & MEMPHYS_NEED_CONTIGUOUS) &&
	    memphys_nl_put_u64(reply, MEMPHYS_A_REGION_BASE,
			       PFN_PHYS((u64)region->memory->base)))
		return -EMSGSIZE;

	return 0;
}

static int memphys_nl_fill_region(struct memphys_region *region, void *data)
{
	struct memphys_reply *reply = data;
	void *hdr;

	hdr = memphys_nl_put(reply, MEMPHYS_CMD_REGION_GET);
	if (!hdr)
		return -EMSGSIZE;

	if (memphys_nl_fill_geometry(region, reply) ||
	    memphys_nl_fill_counters(region, reply)) {
		genlmsg_cancel(reply->skb, hdr);
		return -EMSGSIZE;
	}

	genlmsg_end(reply->skb, hdr);
	reply->done++;
	return 0;
}

/* Dumps go on where the last buffer was full. */
static int memphys_nl_dumped(struct memphys_reply *reply,
			     struct netlink_callback *cb, int ret)
{
	cb->args[0] += reply->done;
	if (ret && !reply->done)
		return ret;

	return reply->skb->len;
}

static struct memphys_reply memphys_nl_dump_to(struct sk_buff *skb,
					       struct netlink_callback *cb)
{
	return (struct memphys_reply){
		.skb = skb,
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.flags = NLM_F_MULTI,
		.cb = cb,
	};
}

int memphys_nl_method_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	struct memphys_reply reply = memphys_nl_dump_to(skb, cb);
	int ret;

	ret = memphys_nl_check_cap(cb->skb, cb->extack);
	if (ret)
		return ret;

	mutex_lock(&memphys_lock);
	cb->seq = memphys_generation;
	ret = memphys_visit_methods(memphys_nl_fill_method, cb->args[0],
				    &reply);
	mutex_unlock(&memphys_lock);

	return memphys_nl_dumped(&reply, cb, ret);
}

int memphys_nl_region_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	struct memphys_reply reply = memphys_nl_dump_to(skb, cb);
	int ret;

	ret = memphys_nl_check_cap(cb->skb, cb->extack);
	if (ret)
		return ret;

	mutex_lock(&memphys_lock);
	cb->seq = memphys_generation;
	ret = memphys_visit_regions(memphys_nl_fill_region, cb->args[0],
				    &reply);
	mutex_unlock(&memphys_lock);

	return memphys_nl_dumped(&reply, cb, ret);
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

static int memphys_nl_no_region(struct genl_info *info)
{
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[MEMPHYS_A_REGION_NAME],
			    "there is no such region, region-get lists them");
	return -ENOENT;
}

int memphys_nl_region_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct memphys_reply reply = {
		.portid = info->snd_portid,
		.seq = info->snd_seq,
	};
	struct memphys_region *region;
	const char *name;
	int ret;

	ret = memphys_nl_check_cap(skb, info->extack);
	if (ret)
		return ret;

	name = memphys_nl_name(info);
	if (!name)
		return -EINVAL;

	reply.skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply.skb)
		return -ENOMEM;

	mutex_lock(&memphys_lock);
	region = memphys_region_find(name);
	ret = region ? memphys_nl_fill_region(region, &reply) :
		       memphys_nl_no_region(info);
	mutex_unlock(&memphys_lock);

	if (ret) {
		nlmsg_free(reply.skb);
		return ret;
	}
	return genlmsg_reply(reply.skb, info);
}

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
	case -ENOSPC:
		NL_SET_ERR_MSG(info->extack,
			       "as many regions as parameter max_regions allows");
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

	ret = memphys_nl_check_cap(skb, info->extack);
	if (ret)
		return ret;

	spec.name = memphys_nl_name(info);
	if (!spec.name)
		return -EINVAL;

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

	ret = memphys_nl_check_cap(skb, info->extack);
	if (ret)
		return ret;

	name = memphys_nl_name(info);
	if (!name)
		return -EINVAL;

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

/* Events. Nobody may be listening, and a lost event is no error. */

static void memphys_nl_send(struct sk_buff *skb, void *hdr)
{
	genlmsg_end(skb, hdr);
	genlmsg_multicast(&memphys_nl_family, skb, 0, MEMPHYS_NLGRP_EVENTS,
			  GFP_KERNEL);
}

static struct sk_buff *memphys_nl_event(u32 event, const char *name,
					void **hdr)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!skb)
		return NULL;

	*hdr = genlmsg_put(skb, 0, 0, &memphys_nl_family, 0, event);
	if (!*hdr || nla_put_string(skb, MEMPHYS_A_EVENT_NAME, name)) {
		nlmsg_free(skb);
		return NULL;
	}

	return skb;
}

/**
 * memphys_notify() - tell listeners what has become of a region
 * @event: MEMPHYS_CMD_REGION_*_NTF
 * @name: of the region
 */
void memphys_notify(u32 event, const char *name)
{
	struct sk_buff *skb;
	void *hdr;

	skb = memphys_nl_event(event, name, &hdr);
	if (skb)
		memphys_nl_send(skb, hdr);
}

/**
 * memphys_notify_loop() - tell listeners of a task that does not get on
 * @name: of the region
 * @address: where it faults
 * @pid: of the task, in the initial namespace
 * @count: faults in a row
 */
void memphys_notify_loop(const char *name, unsigned long address, pid_t pid,
			 unsigned int count)
{
	struct sk_buff *skb;
	void *hdr;

	skb = memphys_nl_event(MEMPHYS_CMD_FAULT_LOOP_NTF, name, &hdr);
	if (!skb)
		return;

	if (nla_put_u64_64bit(skb, MEMPHYS_A_EVENT_ADDRESS, address,
			      MEMPHYS_A_EVENT_PAD) ||
	    nla_put_u32(skb, MEMPHYS_A_EVENT_PID, pid) ||
	    nla_put_u32(skb, MEMPHYS_A_EVENT_COUNT, count))
		nlmsg_free(skb);
	else
		memphys_nl_send(skb, hdr);
}

/**
 * memphys_netlink_init() - open the control plane
 *
 * Return: 0 or a negative error.
 */
int memphys_netlink_init(void)
{
	return genl_register_family(&memphys_nl_family);
}

/**
 * memphys_netlink_exit() - close the control plane
 */
void memphys_netlink_exit(void)
{
	genl_unregister_family(&memphys_nl_family);
}
