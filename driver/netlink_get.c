// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the control plane's answers, what there is of methods and regions.
 */
#include <linux/bits.h>
#include <net/genetlink.h>

#include "memphys.h"
#include "netlink.h"

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

static void *memphys_nl_begin(struct memphys_reply *reply, u8 cmd)
{
	void *hdr;

	hdr = genlmsg_put(reply->skb, reply->portid, reply->seq,
			  &memphys_nl_family, reply->flags, cmd);
	if (hdr && reply->cb)
		genl_dump_check_consistent(reply->cb, hdr);
	return hdr;
}

/* Finish an entry, or take back what there is of it. */
static int memphys_nl_end(struct memphys_reply *reply, void *hdr, int ret)
{
	if (ret) {
		genlmsg_cancel(reply->skb, hdr);
		return -EMSGSIZE;
	}

	genlmsg_end(reply->skb, hdr);
	reply->done++;
	return 0;
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
	int ret;

	hdr = memphys_nl_begin(reply, MEMPHYS_CMD_METHOD_GET);
	if (!hdr)
		return -EMSGSIZE;

	memphys_nl_backings(method, &with_region, &with_mapping);
	ret = nla_put_string(reply->skb, MEMPHYS_A_METHOD_NAME, method->name) ?:
	      nla_put_u32(reply->skb, MEMPHYS_A_METHOD_FLAGS, method->flags) ?:
	      nla_put_u32(reply->skb, MEMPHYS_A_METHOD_BACKINGS, with_region) ?:
	      nla_put_u32(reply->skb, MEMPHYS_A_METHOD_BACKINGS_MAPPING,
			  with_mapping);
	return memphys_nl_end(reply, hdr, ret);
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
	int ret;

	hdr = memphys_nl_begin(reply, MEMPHYS_CMD_REGION_GET);
	if (!hdr)
		return -EMSGSIZE;

	ret = memphys_nl_fill_geometry(region, reply) ?:
	      memphys_nl_fill_counters(region, reply);
	return memphys_nl_end(reply, hdr, ret);
}

typedef int (*memphys_nl_fill)(struct memphys_reply *reply, unsigned long skip);

static int memphys_nl_fill_methods(struct memphys_reply *reply,
				   unsigned long skip)
{
	return memphys_visit_methods(memphys_nl_fill_method, skip, reply);
}

static int memphys_nl_fill_regions(struct memphys_reply *reply,
				   unsigned long skip)
{
	return memphys_visit_regions(memphys_nl_fill_region, skip, reply);
}

/* Dumps go on where the last buffer was full. */
static int memphys_nl_dump(struct sk_buff *skb, struct netlink_callback *cb,
			   memphys_nl_fill fill)
{
	struct memphys_reply reply = {
		.skb = skb,
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.flags = NLM_F_MULTI,
		.cb = cb,
	};
	int ret;

	ret = memphys_nl_check_cap(cb->skb, cb->extack);
	if (ret)
		return ret;

	mutex_lock(&memphys_lock);
	cb->seq = memphys_generation;
	ret = fill(&reply, cb->args[0]);
	mutex_unlock(&memphys_lock);

	cb->args[0] += reply.done;
	if (ret && !reply.done)
		return ret;

	return skb->len;
}

int memphys_nl_method_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	return memphys_nl_dump(skb, cb, memphys_nl_fill_methods);
}

int memphys_nl_region_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	return memphys_nl_dump(skb, cb, memphys_nl_fill_regions);
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

	ret = memphys_nl_check(skb, info, &name);
	if (ret)
		return ret;

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
