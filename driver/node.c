// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: nodes, the files under /dev/memphys. This file is about opening,
 * reading and writing them; map.c is about mapping.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "memphys.h"

static int memphys_open(struct inode *inode, struct file *file)
{
	/* misc_open() left the miscdevice there, and holds it in place. */
	struct memphys_region *region = container_of(file->private_data,
						     struct memphys_region,
						     misc);
	int ret;

	ret = memphys_may_open();
	if (ret)
		return ret;

	/* Put in memphys_release(). */
	if (!try_module_get(region->method->owner))
		return -ENODEV;

	mutex_lock(&region->lock);
	if (region->dead) {
		mutex_unlock(&region->lock);
		module_put(region->method->owner);
		return -ENODEV;
	}

	region->opens++;
	mutex_unlock(&region->lock);

	kref_get(&region->ref);
	/* One address space for all, whichever inode of the node was opened. */
	file->f_mapping = region->inode->i_mapping;
	file->private_data = region;
	return 0;
}

static int memphys_release(struct inode *inode, struct file *file)
{
	struct memphys_region *region = memphys_file_region(file);
	struct module *owner = region->method->owner;

	mutex_lock(&region->lock);
	region->opens--;
	mutex_unlock(&region->lock);

	memphys_region_put(region);
	module_put(owner);
	return 0;
}

static loff_t memphys_llseek(struct file *file, loff_t offset, int whence)
{
	struct memphys_region *region = memphys_file_region(file);

	return fixed_size_llseek(file, offset, whence,
				 PFN_PHYS(region->npages));
}

/* Is there memory that a file, without a mapping, has to do with? */
static int memphys_has_memory(const struct memphys_region *region)
{
	if (READ_ONCE(region->revoked))
		return -ENODEV;

	return region->memory ? 0 : -ENXIO;
}

static ssize_t memphys_read(struct file *file, char __user *buf, size_t count,
			    loff_t *ppos)
{
	struct memphys_region *region = memphys_file_region(file);

	return memphys_has_memory(region) ?:
	       memphys_phys_read(buf, count, ppos, region->memory);
}

static ssize_t memphys_write(struct file *file, const char __user *buf,
			     size_t count, loff_t *ppos)
{
	struct memphys_region *region = memphys_file_region(file);

	return memphys_has_memory(region) ?:
	       memphys_phys_write(buf, count, ppos, region->memory);
}

/* What is the same for all: the tables differ in how they map. */
#define MEMPHYS_FOPS				\
	.owner = THIS_MODULE,			\
	.open = memphys_open,			\
	.release = memphys_release,		\
	.llseek = memphys_llseek,		\
	.read = memphys_read,			\
	.write = memphys_write

static const struct file_operations memphys_fops = {
	MEMPHYS_FOPS,
	.mmap_prepare = memphys_mmap_prepare,
};

/* For huge entries the address has to be aligned as the offset is. */
static const struct file_operations memphys_huge_fops = {
	MEMPHYS_FOPS,
	.mmap_prepare = memphys_mmap_prepare,
	.get_unmapped_area = thp_get_unmapped_area,
};

static const struct file_operations memphys_populate_fops = {
	MEMPHYS_FOPS,
	.mmap = memphys_mmap,
};

/**
 * memphys_node_create() - make the node of a region
 * @region: is ready to be opened
 *
 * Return: 0 when the node is there, or a negative error.
 */
int memphys_node_create(struct memphys_region *region)
{
	int ret = -ENOMEM;

	region->misc.minor = MISC_DYNAMIC_MINOR;
	region->misc.mode = 0600;
	if (region->method->populate)
		region->misc.fops = &memphys_populate_fops;
	else if (region->method->huge_fault)
		region->misc.fops = &memphys_huge_fops;
	else
		region->misc.fops = &memphys_fops;

	/*
	 * The core copies nodename, and falls back on the name of the device
	 * when that fails, without a word. So that one, too, leads to the same
	 * place: a "!" in it stands for a "/" of the node.
	 */
	region->misc.name = kasprintf(GFP_KERNEL, "memphys!%s", region->name);
	if (!region->misc.name)
		return -ENOMEM;

	region->misc.nodename = kasprintf(GFP_KERNEL, "memphys/%s",
					  region->name);
	if (!region->misc.nodename)
		goto err_free_name;

	ret = misc_register(&region->misc);
	if (ret)
		goto err_free_nodename;

	return 0;

err_free_nodename:
	kfree(region->misc.nodename);
err_free_name:
	kfree(region->misc.name);
	return ret;
}

/**
 * memphys_node_destroy() - take the node of a region away
 * @region: files that are open stay open
 */
void memphys_node_destroy(struct memphys_region *region)
{
	misc_deregister(&region->misc);
	kfree(region->misc.nodename);
	kfree(region->misc.name);
}
