// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the arena, RAM that the driver allocates for itself at load and
 * keeps until unload, so that tests may write through a window without harm.
 *
 * The methods give it no special treatment: it is reached by its physical
 * address, which the read-only parameter arena_phys tells.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <kunit/visibility.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

#include "memphys.h"

/* Written before the nodes exist and after they are gone, else read only. */
VISIBLE_IF_KUNIT struct memphys_arena memphys_arena;
EXPORT_SYMBOL_IF_KUNIT(memphys_arena);

static int memphys_arena_set_bytes(const char *val,
				   const struct kernel_param *kp)
{
	char *end;
	unsigned long long bytes = memparse(val, &end);

	/* sysfs and the shell leave a newline behind the number. */
	if (end == val || (*end && *end != '\n') || bytes > ULONG_MAX)
		return -EINVAL;

	memphys_arena.bytes = PAGE_ALIGN((unsigned long)bytes);
	return memphys_arena.bytes < bytes ? -EINVAL : 0;
}

static int memphys_arena_get_bytes(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%lu\n", memphys_arena.bytes);
}

/* Without a .set the module loader would call NULL. */
static int memphys_arena_set_phys(const char *val,
				  const struct kernel_param *kp)
{
	return -EPERM;
}

static int memphys_arena_get_phys(char *buf, const struct kernel_param *kp)
{
	phys_addr_t phys = 0;

	if (memphys_arena.start)
		phys = virt_to_phys(memphys_arena.start);
	return sysfs_emit(buf, "%pa\n", &phys);
}

static const struct kernel_param_ops memphys_arena_ops = {
	.set = memphys_arena_set_bytes,
	.get = memphys_arena_get_bytes,
};

static const struct kernel_param_ops memphys_arena_phys_ops = {
	.set = memphys_arena_set_phys,
	.get = memphys_arena_get_phys,
};

module_param_cb(arena, &memphys_arena_ops, NULL, 0444);
MODULE_PARM_DESC(arena,
		 "Bytes of RAM (K, M understood) to allocate for tests; physically contiguous");

module_param_cb(arena_phys, &memphys_arena_phys_ops, NULL, 0400);
MODULE_PARM_DESC(arena_phys, "Physical address of the arena (read only)");

/**
 * memphys_arena_init() - allocate the arena that the parameter asks for
 *
 * Return: 0, also when none is asked for; -ENOMEM when the page allocator has
 * no contiguous range of that size.
 */
int memphys_arena_init(void)
{
	if (!memphys_arena.bytes)
		return 0;

	memphys_arena.start = alloc_pages_exact(memphys_arena.bytes,
						GFP_KERNEL | __GFP_ZERO |
						__GFP_NOWARN);
	if (!memphys_arena.start) {
		pr_err("no contiguous RAM for arena=%lu, ask for less\n",
		       memphys_arena.bytes);
		return -ENOMEM;
	}

	return 0;
}

/**
 * memphys_arena_exit() - give the arena back
 */
void memphys_arena_exit(void)
{
	if (memphys_arena.start)
		free_pages_exact(memphys_arena.start, memphys_arena.bytes);
}

/**
 * memphys_arena_owns() - is this one of the driver's own pages?
 * @pfn: page frame number
 *
 * Return: true inside the arena. A method that takes references on pages may
 * do so there and nowhere else.
 */
bool memphys_arena_owns(unsigned long pfn)
{
	unsigned long first;

	if (!memphys_arena.start)
		return false;

	first = PHYS_PFN(virt_to_phys(memphys_arena.start));
	return pfn >= first && pfn - first < memphys_arena.bytes >> PAGE_SHIFT;
}
EXPORT_SYMBOL_GPL(memphys_arena_owns);
