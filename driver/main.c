// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: load and unload. Two windows on physical memory exist from load on,
 * /dev/memphys/remap and /dev/memphys/fault; netlink makes further regions.
 */
#include <linux/err.h>
#include <linux/module.h>

#include "memphys.h"

static const struct memphys_method * const methods[] = {
	&memphys_remap_method,
	&memphys_fault_method,
	&memphys_fault_page_method,
	&memphys_insert_method,
	&memphys_insert_batch_method,
	&memphys_vmalloc_method,
	&memphys_prefault_method,
	&memphys_huge_method,
};

static struct memphys_region *remap_window;
static struct memphys_region *fault_window;

static void memphys_unregister_methods(size_t count)
{
	while (count--)
		memphys_unregister_method(methods[count]);
}

static int __init memphys_register_methods(void)
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(methods); i++) {
		ret = memphys_register_method(methods[i]);
		if (ret) {
			memphys_unregister_methods(i);
			return ret;
		}
	}

	return 0;
}

static int __init memphys_init(void)
{
	int ret;

	ret = memphys_arena_init();
	if (ret)
		return ret;

	ret = memphys_spaces_init();
	if (ret)
		goto err_free_arena;

	ret = memphys_register_methods();
	if (ret)
		goto err_exit_spaces;

	remap_window = memphys_window_create(&memphys_remap_method);
	if (IS_ERR(remap_window)) {
		ret = PTR_ERR(remap_window);
		goto err_unregister_methods;
	}

	fault_window = memphys_window_create(&memphys_fault_method);
	if (IS_ERR(fault_window)) {
		ret = PTR_ERR(fault_window);
		goto err_destroy_remap;
	}

	/* Last: nobody can ask for a region that a failure would leave. */
	ret = memphys_netlink_init();
	if (ret)
		goto err_destroy_fault;

	return 0;

err_destroy_fault:
	memphys_window_destroy(fault_window);
err_destroy_remap:
	memphys_window_destroy(remap_window);
err_unregister_methods:
	memphys_unregister_methods(ARRAY_SIZE(methods));
err_exit_spaces:
	memphys_spaces_exit();
err_free_arena:
	memphys_arena_exit();
	return ret;
}
module_init(memphys_init);

static void __exit memphys_exit(void)
{
	memphys_netlink_exit();
	memphys_regions_exit();
	memphys_window_destroy(fault_window);
	memphys_window_destroy(remap_window);
	memphys_unregister_methods(ARRAY_SIZE(methods));
	memphys_spaces_exit();
	memphys_arena_exit();
}
module_exit(memphys_exit);

MODULE_AUTHOR("The memphys authors");
MODULE_DESCRIPTION("Maps physical memory into user space, by several methods");
MODULE_LICENSE("GPL");
