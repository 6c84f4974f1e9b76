// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: load and unload. Two windows on physical memory exist from load on,
 * /dev/memphys/remap and /dev/memphys/fault.
 */
#include <linux/err.h>
#include <linux/module.h>

#include "memphys.h"

static struct memphys_window *remap_window;
static struct memphys_window *fault_window;

static int __init memphys_init(void)
{
	int ret;

	ret = memphys_arena_init();
	if (ret)
		return ret;

	remap_window = memphys_window_create(&memphys_remap_method);
	if (IS_ERR(remap_window)) {
		ret = PTR_ERR(remap_window);
		goto err_free_arena;
	}

	fault_window = memphys_window_create(&memphys_fault_method);
	if (IS_ERR(fault_window)) {
		ret = PTR_ERR(fault_window);
		goto err_destroy_remap;
	}

	return 0;

err_destroy_remap:
	memphys_window_destroy(remap_window);
err_free_arena:
	memphys_arena_exit();
	return ret;
}
module_init(memphys_init);

static void __exit memphys_exit(void)
{
	memphys_window_destroy(fault_window);
	memphys_window_destroy(remap_window);
	memphys_arena_exit();
}
module_exit(memphys_exit);

MODULE_AUTHOR("The memphys authors");
MODULE_DESCRIPTION("Maps physical memory into user space, by several methods");
MODULE_LICENSE("GPL");
