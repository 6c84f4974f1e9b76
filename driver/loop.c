// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the loop detector, which sees that a task faults at one address
 * again and again. Of each task it keeps the last fault. Two tasks whose
 * numbers fall on one entry push each other out, and then a loop goes unseen.
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "memphys.h"

static unsigned int fault_loop = 1000;
module_param(fault_loop, uint, 0444);
MODULE_PARM_DESC(fault_loop,
		 "Faults in a row at one address before listeners are told of a loop");

/**
 * memphys_loops_init() - begin to watch a region
 * @region: is being made
 */
void memphys_loops_init(struct memphys_region *region)
{
	unsigned int i;

	for (i = 0; i < MEMPHYS_LOOPS; i++)
		spin_lock_init(&region->loops[i].lock);
}

/**
 * memphys_loops_watch() - count a fault of this task
 * @region: where it was
 * @address: where in the task's address space
 */
void memphys_loops_watch(struct memphys_region *region, unsigned long address)
{
	pid_t pid = task_pid_nr(current);
	struct memphys_loop *loop;
	unsigned int count;

	loop = &region->loops[hash_32(pid, ilog2(MEMPHYS_LOOPS))];
	spin_lock(&loop->lock);
	if (loop->pid == pid && loop->address == address) {
		loop->count++;
	} else {
		loop->pid = pid;
		loop->address = address;
		loop->count = 1;
	}
	count = loop->count;
	spin_unlock(&loop->lock);

	if (count != 1)
		atomic64_inc(&region->repeats);
	if (count && count == fault_loop)
		memphys_notify_loop(region->name, address, pid, count);
}
