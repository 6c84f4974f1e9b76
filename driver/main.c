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

/* Each has a window, a node of its name that shows all of physical memory. */
static const struct memphys_method * const window_methods[] = {
	&memphys_remap_method,
	&memphys_fault_method,
};

static struct memphys_region *windows[ARRAY_SIZE(window_methods)];

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

static void memphys_destroy_windows(size_t count)
{
	while (count--)
		memphys_window_destroy(windows[count]);
}

static int __init memphys_create_windows(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		windows[i] = memphys_window_create(window_methods[i]);
		if (IS_ERR(windows[i])) {
			memphys_destroy_windows(i);
			return PTR_ERR(windows[i]);
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

	ret = memphys_create_windows();
	if (ret)
		goto err_unregister_methods;

	/* Last: nobody can ask for a region that a failure would leave. */
	ret = memphys_netlink_init();
	if (ret)
		goto err_destroy_windows;

	return 0;

err_destroy_windows:
	memphys_destroy_windows(ARRAY_SIZE(windows));
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
	memphys_destroy_windows(ARRAY_SIZE(windows));
	memphys_unregister_methods(ARRAY_SIZE(methods));
	memphys_spaces_exit();
	memphys_arena_exit();
}
module_exit(memphys_exit);

MODULE_AUTHOR("The memphys authors");
MODULE_DESCRIPTION("Maps physical memory into user space, by several methods");
MODULE_LICENSE("GPL");
