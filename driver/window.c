// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: windows. A window is a node /dev/memphys/<method> that shows all of
 * physical memory, the file offset being the physical address, and maps it by
 * one method. This file is about the node; map.c is about the mappings.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "memphys.h"

static int memphys_open(struct inode *inode, struct file *file)
{
	struct memphys_window *window = memphys_file_window(file);
	int ret;

	ret = memphys_may_open();
	if (ret)
		return ret;

	/* Put in memphys_release(). */
	if (!try_module_get(window->method->owner))
		return -ENODEV;

	return 0;
}

static int memphys_release(struct inode *inode, struct file *file)
{
	module_put(memphys_file_window(file)->method->owner);
	return 0;
}

static loff_t memphys_llseek(struct file *file, loff_t offset, int whence)
{
	unsigned long npages = memphys_file_window(file)->npages;

	return fixed_size_llseek(file, offset, whence, PFN_PHYS(npages));
}

static ssize_t memphys_read(struct file *file, char __user *buf, size_t count,
			    loff_t *ppos)
{
	return memphys_phys_read(buf, count, ppos,
				 memphys_file_window(file)->npages);
}

static ssize_t memphys_write(struct file *file, const char __user *buf,
			     size_t count, loff_t *ppos)
{
	return memphys_phys_write(buf, count, ppos,
				  memphys_file_window(file)->npages);
}

static const struct file_operations memphys_fops = {
	.owner = THIS_MODULE,
	.open = memphys_open,
	.release = memphys_release,
	.llseek = memphys_llseek,
	.read = memphys_read,
	.write = memphys_write,
	.mmap_prepare = memphys_mmap_prepare,
};

/**
 * memphys_window_create() - make the node of a method
 * @method: table that outlives the window
 *
 * The caller sees to it that method names are unique; the module that calls
 * this destroys the window from its exit function.
 *
 * Return: the window, or an ERR_PTR().
 */
struct memphys_window *memphys_window_create(const struct memphys_method *method)
{
	struct memphys_window *window;
	int ret;

	window = kzalloc_obj(*window);
	if (!window)
		return ERR_PTR(-ENOMEM);

	window->method = method;
	window->npages = memphys_limit();
	window->misc.minor = MISC_DYNAMIC_MINOR;
	window->misc.mode = 0600;
	window->misc.fops = &memphys_fops;

	ret = -ENOMEM;
	window->misc.name = kasprintf(GFP_KERNEL, "memphys-%s", method->name);
	if (!window->misc.name)
		goto err_free_window;

	window->misc.nodename = kasprintf(GFP_KERNEL, "memphys/%s",
					  method->name);
	if (!window->misc.nodename)
		goto err_free_name;

	ret = misc_register(&window->misc);
	if (ret)
		goto err_free_nodename;

	return window;

err_free_nodename:
	kfree(window->misc.nodename);
err_free_name:
	kfree(window->misc.name);
err_free_window:
	kfree(window);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(memphys_window_create);

/**
 * memphys_window_destroy() - take the node of a method away
 * @window: from memphys_window_create()
 *
 * Nothing is open or mapped any more: a file holds the modules, and this is
 * called on the way out of one.
 */
void memphys_window_destroy(struct memphys_window *window)
{
	misc_deregister(&window->misc);
	kfree(window->misc.nodename);
	kfree(window->misc.name);
	kfree(window);
}
EXPORT_SYMBOL_GPL(memphys_window_destroy);
