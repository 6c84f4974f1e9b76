// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: the right way to map memory of a device, four times: by frames
 * and by pages, at once and when they are touched. The wrong ones differ from
 * these.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/string.h>

#include "device.h"

/* One range, each page with a reference count of its own. */
static int faulty_single_alloc(struct faulty_object *object)
{
	size_t count = ARRAY_SIZE(object->pages);
	void *addr;
	size_t i;

	addr = alloc_pages_exact(count << PAGE_SHIFT, GFP_KERNEL | __GFP_ZERO);
	if (!addr)
		return -ENOMEM;

	for (i = 0; i < count; i++)
		object->pages[i] = virt_to_page(addr + (i << PAGE_SHIFT));
	return 0;
}

static void faulty_single_free(struct faulty_object *object)
{
	free_pages_exact(page_address(object->pages[0]),
			 ARRAY_SIZE(object->pages) << PAGE_SHIFT);
}

const struct faulty_memory faulty_single_pages = {
	.alloc = faulty_single_alloc,
	.free = faulty_single_free,
};

int faulty_check(unsigned long first, unsigned long count)
{
	if (first >= FAULTY_PAGES || count > FAULTY_PAGES - first)
		return -EINVAL;

	return 0;
}

int faulty_map_remap(struct vm_area_struct *vma, struct faulty_object *object)
{
	unsigned long pfn = page_to_pfn(object->pages[0]) + vma->vm_pgoff;

	return remap_pfn_range(vma, vma->vm_start, pfn,
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

int faulty_map_frames(struct vm_area_struct *vma, struct faulty_object *object)
{
	vm_flags_t how = VM_PFNMAP;

	if (vma_is_cow_mapping(vma))
		how = VM_MIXEDMAP;
	vm_flags_set(vma, how | VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

int faulty_map_pages(struct vm_area_struct *vma, struct faulty_object *object)
{
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

int faulty_map_insert(struct vm_area_struct *vma, struct faulty_object *object)
{
	unsigned long address = vma->vm_start;
	unsigned long index = vma->vm_pgoff;
	int ret;

	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP);
	for (; address < vma->vm_end; address += PAGE_SIZE, index++) {
		ret = vm_insert_page(vma, address, object->pages[index]);
		if (ret)
			return ret;
	}
	return 0;
}

vm_fault_t faulty_serve_frame(struct vm_fault *vmf, unsigned long index)
{
	const struct faulty_object *object = vmf->vma->vm_private_data;

	return faulty_insert_pfn(vmf, page_to_pfn(object->pages[index]));
}

vm_fault_t faulty_serve_page(struct vm_fault *vmf, unsigned long index)
{
	const struct faulty_object *object = vmf->vma->vm_private_data;

	vmf->page = object->pages[index];
	get_page(vmf->page);
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

static vm_fault_t faulty_frame_fault(struct vm_fault *vmf)
{
	if (faulty_check(vmf->pgoff, 1))
		return VM_FAULT_SIGBUS;

	return faulty_serve_frame(vmf, vmf->pgoff);
}

static vm_fault_t faulty_one_page_fault(struct vm_fault *vmf)
{
	if (faulty_check(vmf->pgoff, 1))
		return VM_FAULT_SIGBUS;

	return faulty_serve_page(vmf, vmf->pgoff);
}

/* What the PTE names, a private copy maybe, or what a fault would put there. */
static struct page *faulty_page_at(struct vm_area_struct *vma,
				   unsigned long addr)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	const struct faulty_object *object = vma->vm_private_data;
	unsigned long index = linear_page_index(vma, addr);
	unsigned long pfn;

	if (!follow_pfnmap_start(&args)) {
		pfn = args.pfn;
		follow_pfnmap_end(&args);
		return pfn_to_page(pfn);
	}

	if (vma->vm_ops->fault && !faulty_check(index, 1))
		return object->pages[index];
	return NULL;
}

int faulty_access(struct vm_area_struct *vma, unsigned long addr, void *buf,
		  int len, int write)
{
	const vm_flags_t writable = VM_SHARED | VM_WRITE;
	unsigned long offset = offset_in_page(addr);
	struct page *page = faulty_page_at(vma, addr);

	if (write && (vma->vm_flags & writable) != writable)
		return -EACCES;
	if (!page)
		return -EFAULT;

	len = min_t(unsigned long, len, PAGE_SIZE - offset);
	if (write)
		memcpy(page_address(page) + offset, buf, len);
	else
		memcpy(buf, page_address(page) + offset, len);
	return len;
}

const struct vm_operations_struct faulty_remap_ops = {
	.access = faulty_access,
};

const struct vm_operations_struct faulty_frame_ops = {
	.fault = faulty_frame_fault,
	.access = faulty_access,
};

const struct vm_operations_struct faulty_page_ops = {
	.fault = faulty_one_page_fault,
};

const struct vm_operations_struct faulty_insert_ops = {};

static const struct vm_operations_struct faulty_own_ops = {
	.open = faulty_object_open,
	.close = faulty_object_close,
	.fault = faulty_one_page_fault,
};

struct faulty_device faulty_right_devices[] = {
	{
		.name = "right-remap",
		.check = faulty_check,
		.map = faulty_map_remap,
		.vm_ops = &faulty_remap_ops,
	},
	{
		.name = "right-frames",
		.check = faulty_check,
		.map = faulty_map_frames,
		.vm_ops = &faulty_frame_ops,
	},
	{
		.name = "right-pages",
		.check = faulty_check,
		.map = faulty_map_pages,
		.vm_ops = &faulty_page_ops,
	},
	{
		.name = "right-insert",
		.check = faulty_check,
		.map = faulty_map_insert,
		.vm_ops = &faulty_insert_ops,
	},
	{
		.name = "right-own",
		.check = faulty_check,
		.map = faulty_map_pages,
		.vm_ops = &faulty_own_ops,
		.own = true,
	},
};

const size_t faulty_right_count = ARRAY_SIZE(faulty_right_devices);
