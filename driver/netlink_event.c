// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the control plane's events. Nobody may be listening, and a lost
 * event is no error.
 */
#include <net/genetlink.h>

#include "memphys.h"
#include "netlink.h"

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
