// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: devices that do not know how long memory is needed, or where
 * it may come from, or that leave an operation out.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "device.h"

static vm_fault_t faulty_owned_fault(struct vm_fault *vmf)
{
	if (faulty_check(vmf->pgoff, 1))
		return VM_FAULT_SIGBUS;

	return faulty_serve_page(vmf, vmf->pgoff);
}

static vm_fault_t faulty_owned_frame_fault(struct vm_fault *vmf)
{
	if (faulty_check(vmf->pgoff, 1))
		return VM_FAULT_SIGBUS;

	return faulty_serve_frame(vmf, vmf->pgoff);
}

/*
 * .close without .open: one VMA is taken for one mapping. A part that is cut
 * out, or a child that ends, takes the memory of the rest (CVE-2025-38563,
 * "perf/core: Prevent VMA split of buffer mappings").
 */
static const struct vm_operations_struct faulty_no_open_ops = {
	.close = faulty_object_close,
	.fault = faulty_owned_frame_fault,
	.access = faulty_access,
};

/* A child's mapping is not counted, but what it closes is (CVE-2026-23380). */
static void faulty_own_process_open(struct vm_area_struct *vma)
{
	if (vma->vm_mm == current->mm)
		faulty_object_open(vma);
}

static const struct vm_operations_struct faulty_no_fork_ops = {
	.open = faulty_own_process_open,
	.close = faulty_object_close,
	.fault = faulty_owned_frame_fault,
	.access = faulty_access,
};

/*
 * Buffers that are done with are kept for the next, who sees what was in them
 * (518a2f1925c3, "dma-mapping: zero memory returned from dma_alloc_*").
 */
static struct faulty_object faulty_kept;
static DEFINE_MUTEX(faulty_kept_lock); /* protects it */

static int faulty_kept_alloc(struct faulty_object *object)
{
	int ret = 0;

	mutex_lock(&faulty_kept_lock);
	if (faulty_kept.pages[0])
		memcpy(object->pages, faulty_kept.pages, sizeof(object->pages));
	else
		ret = faulty_single_pages.alloc(object);
	faulty_kept.pages[0] = NULL;
	mutex_unlock(&faulty_kept_lock);
	return ret;
}

static void faulty_kept_free(struct faulty_object *object)
{
	mutex_lock(&faulty_kept_lock);
	if (faulty_kept.pages[0])
		faulty_single_pages.free(object);
	else
		memcpy(faulty_kept.pages, object->pages, sizeof(object->pages));
	mutex_unlock(&faulty_kept_lock);
}

static const struct faulty_memory faulty_kept_pages = {
	.alloc = faulty_kept_alloc,
	.free = faulty_kept_free,
};

static const struct vm_operations_struct faulty_owned_ops = {
	.open = faulty_object_open,
	.close = faulty_object_close,
	.fault = faulty_owned_fault,
};

/*
 * Slab memory to a user: neighbours of the object are on the page, and slab is
 * about to use what struct page has (0143d148d1e8, "usb: usbfs: Enforce page
 * requirements for mmap").
 */
static void faulty_slab_free(struct faulty_object *object)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(object->pages) && object->pages[i]; i++)
		kfree(page_address(object->pages[i]));
}

static int faulty_slab_alloc(struct faulty_object *object)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(object->pages); i++) {
		void *addr = kzalloc(PAGE_SIZE, GFP_KERNEL);

		if (!addr) {
			faulty_slab_free(object);
			return -ENOMEM;
		}
		object->pages[i] = virt_to_page(addr);
	}
	return 0;
}

static const struct faulty_memory faulty_slab_pages = {
	.alloc = faulty_slab_alloc,
	.free = faulty_slab_free,
};

/*
 * A block of pages that was not split, nor made a compound one: all but the
 * first have no reference that mm could add to, and vm_insert_page() says so.
 */
static int faulty_block_alloc(struct faulty_object *object)
{
	unsigned int order = get_order(sizeof(object->pages) /
				       sizeof(object->pages[0]) << PAGE_SHIFT);
	struct page *block = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
	size_t i;

	if (!block)
		return -ENOMEM;

	for (i = 0; i < ARRAY_SIZE(object->pages); i++)
		object->pages[i] = block + i;
	return 0;
}

static void faulty_block_free(struct faulty_object *object)
{
	unsigned int order = get_order(sizeof(object->pages) /
				       sizeof(object->pages[0]) << PAGE_SHIFT);

	__free_pages(object->pages[0], order);
}

static const struct faulty_memory faulty_block_pages = {
	.alloc = faulty_block_alloc,
	.free = faulty_block_free,
};

/* A debugger sees nothing: frames without .access. */
static const struct vm_operations_struct faulty_no_access_ops = {
	.fault = faulty_owned_frame_fault,
};

/*
 * .access that gives what it is asked for, past the end of the page, of the
 * VMA and of the object (3886a86e7e6c, "drm/i915/gem: add missing boundary check
 * in vm_access").
 */
static int faulty_long_access(struct vm_area_struct *vma, unsigned long addr,
			      void *buf, int len, int write)
{
	int ret = faulty_access(vma, addr, buf, len, write);

	if (ret > 0 && ret < len && !write)
		memset(buf + ret, 0, len - ret);
	return ret > 0 ? len : ret;
}

static const struct vm_operations_struct faulty_long_access_ops = {
	.fault = faulty_owned_frame_fault,
	.access = faulty_long_access,
};

/*
 * No VMA operations: mm takes the mapping for anonymous memory, and gives zeros.
 */
static int faulty_map_nothing(struct vm_area_struct *vma,
			      struct faulty_object *object)
{
	vma->vm_ops = NULL;
	return faulty_map_pages(vma, object);
}

/*
 * Files do not hold the module, so it may go while it is mapped (7b07b040257c,
 * "ptp: vmclock: Add .owner to vmclock_miscdev_fops").
 */
static const struct file_operations faulty_no_owner_fops = {
	.open = faulty_open,
	.llseek = faulty_llseek,
	.read = faulty_read,
	.write = faulty_write,
	.mmap = faulty_mmap,
};

/*
 * Taken at first and put in .close, which is not called for a mapping that came
 * to nothing (CVE-2025-38564, "perf/core: Handle buffer mapping fail correctly in
 * perf_mmap()").
 */
static int faulty_kept_mmap(struct file *file, struct vm_area_struct *vma)
{
	__module_get(THIS_MODULE);
	return faulty_mmap(file, vma);
}

static void faulty_module_open(struct vm_area_struct *vma)
{
	__module_get(THIS_MODULE);
}

static void faulty_module_close(struct vm_area_struct *vma)
{
	module_put(THIS_MODULE);
}

static const struct vm_operations_struct faulty_module_ops = {
	.open = faulty_module_open,
	.close = faulty_module_close,
	.fault = faulty_owned_fault,
};

static const struct file_operations faulty_kept_fops = {
	.owner = THIS_MODULE,
	.open = faulty_open,
	.llseek = faulty_llseek,
	.read = faulty_read,
	.write = faulty_write,
	.mmap = faulty_kept_mmap,
};

struct faulty_device faulty_owner_devices[] = {
	{
		.name = "no-open",
		.check = faulty_check,
		.map = faulty_map_frames,
		.vm_ops = &faulty_no_open_ops,
		.own = true,
	},
	{
		.name = "no-fork",
		.check = faulty_check,
		.map = faulty_map_frames,
		.vm_ops = &faulty_no_fork_ops,
		.own = true,
	},
	{
		.name = "unzeroed",
		.memory = &faulty_kept_pages,
		.check = faulty_check,
		.map = faulty_map_pages,
		.vm_ops = &faulty_owned_ops,
		.own = true,
	},
	{
		.name = "slab",
		.memory = &faulty_slab_pages,
		.check = faulty_check,
		.map = faulty_map_frames,
		.vm_ops = &faulty_frame_ops,
	},
	{
		.name = "block",
		.memory = &faulty_block_pages,
		.check = faulty_check,
		.map = faulty_map_insert,
		.vm_ops = &faulty_insert_ops,
	},
	{
		.name = "no-access",
		.check = faulty_check,
		.map = faulty_map_frames,
		.vm_ops = &faulty_no_access_ops,
	},
	{
		.name = "long-access",
		.check = faulty_check,
		.map = faulty_map_frames,
		.vm_ops = &faulty_long_access_ops,
	},
	{
		.name = "anonymous",
		.check = faulty_check,
		.map = faulty_map_nothing,
		.vm_ops = &faulty_page_ops,
	},
	{
		.name = "no-owner",
		.fops = &faulty_no_owner_fops,
		.check = faulty_check,
		.map = faulty_map_pages,
		.vm_ops = &faulty_page_ops,
	},
	{
		.name = "no-undo",
		.fops = &faulty_kept_fops,
		.check = faulty_check,
		.map = faulty_map_pages,
		.vm_ops = &faulty_module_ops,
	},
};

const size_t faulty_owner_count = ARRAY_SIZE(faulty_owner_devices);
