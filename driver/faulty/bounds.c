// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: devices that do not see to it that what is mapped is theirs.
 * mm puts no limit to the offset of a character device (file_mmap_size_max() in
 * mm/mmap.c), so all of it is the driver's to check.
 */
#include <linux/io.h>
#include <linux/mm.h>

#include "device.h"

/*
 * Nothing is checked (CVE-2013-6763, of uio; 7314e613d5ff, "Fix a few incorrectly
 * checked [io_]remap_pfn_range() calls").
 */
static int faulty_check_nothing(unsigned long first, unsigned long count)
{
	return 0;
}

/*
 * The length is right, and where it begins does not matter (CVE-2024-42259,
 * "drm/i915/gem: Fix Virtual Memory mapping boundaries calculation").
 */
static int faulty_check_length(unsigned long first, unsigned long count)
{
	return count > FAULTY_PAGES ? -EINVAL : 0;
}

/*
 * Where memory begins is added to an offset that anybody may choose, and the
 * sum is less than what was added (CVE-2018-8781, "drm: udl: Properly check
 * framebuffer mmap offsets").
 */
static int faulty_check_sum(unsigned long first, unsigned long count)
{
	unsigned long base = PAGE_OFFSET;
	unsigned long start = base + (first << PAGE_SHIFT);

	if (start + (count << PAGE_SHIFT) > base + (FAULTY_PAGES << PAGE_SHIFT))
		return -EINVAL;

	return 0;
}

/*
 * What is left is counted before it is known that anything is (CVE-2024-56368,
 * "ring-buffer: Fix overflow in __rb_map_vma").
 */
static int faulty_check_rest(unsigned long first, unsigned long count)
{
	unsigned long rest = FAULTY_PAGES - first;

	return count > rest ? -EINVAL : 0;
}

/*
 * One page more (CVE-2024-46852, "dma-buf: heaps: Fix off-by-one in CMA heap
 * fault handler").
 */
static int faulty_check_loosely(unsigned long first, unsigned long count)
{
	if (first > FAULTY_PAGES || count > FAULTY_PAGES + 1 - first)
		return -EINVAL;

	return 0;
}

/* Bytes in 32 bits: 4 GiB further is the beginning again. */
static int faulty_check_bytes(unsigned long first, unsigned long count)
{
	u32 start = first << PAGE_SHIFT;
	u32 length = count << PAGE_SHIFT;

	if (start >= FAULTY_PAGES << PAGE_SHIFT ||
	    length > (FAULTY_PAGES << PAGE_SHIFT) - start)
		return -EINVAL;

	return 0;
}

/* Whatever is there: what the handler has in its table, or behind that. */
static vm_fault_t faulty_unbound_fault(struct vm_fault *vmf)
{
	return faulty_serve_page(vmf, vmf->pgoff);
}

/* In a table of a fixed length, so that it is what lies behind, and no crash. */
static vm_fault_t faulty_behind_fault(struct vm_fault *vmf)
{
	if (vmf->pgoff >= FAULTY_PAGES + FAULTY_BEHIND)
		return VM_FAULT_SIGBUS;

	return faulty_serve_page(vmf, vmf->pgoff);
}

static vm_fault_t faulty_checked_fault(struct vm_fault *vmf)
{
	if (faulty_check(vmf->pgoff, 1))
		return VM_FAULT_SIGBUS;

	return faulty_serve_page(vmf, vmf->pgoff);
}

static const struct vm_operations_struct faulty_unbound_ops = {
	.fault = faulty_unbound_fault,
};

static const struct vm_operations_struct faulty_behind_ops = {
	.fault = faulty_behind_fault,
};

static const struct vm_operations_struct faulty_checked_ops = {
	.fault = faulty_checked_fault,
};

/* VM_DONTEXPAND is missing, so that mremap() makes longer what mmap checked. */
static int faulty_map_growing(struct vm_area_struct *vma,
			      struct faulty_object *object)
{
	vm_flags_set(vma, VM_DONTDUMP);
	return 0;
}

/*
 * As many PTEs as the object has pages, whatever the VMA has room for
 * (CVE-2026-64051, "accel/qaic: Add overflow check to remap_pfn_range during
 * mmap"). What is behind the VMA is not emptied with it.
 */
static int faulty_map_overrun(struct vm_area_struct *vma,
			      struct faulty_object *object)
{
	unsigned long pfn = page_to_pfn(object->pages[0]) + vma->vm_pgoff;

	if (vma_is_cow_mapping(vma))
		return faulty_map_remap(vma, object);

	return remap_pfn_range(vma, vma->vm_start, pfn,
			       (FAULTY_PAGES - vma->vm_pgoff) << PAGE_SHIFT,
			       vma->vm_page_prot);
}

/*
 * In two calls, as where memory is in two pieces. Of a mapping that copies on
 * write remap_pfn_range() takes nothing less than all.
 */
static int faulty_map_halves(struct vm_area_struct *vma,
			     struct faulty_object *object)
{
	unsigned long pfn = page_to_pfn(object->pages[0]) + vma->vm_pgoff;
	unsigned long half = (vma_pages(vma) / 2) << PAGE_SHIFT;
	int ret = 0;

	if (half)
		ret = remap_pfn_range(vma, vma->vm_start, pfn, half,
				      vma->vm_page_prot);
	if (ret)
		return ret;

	return remap_pfn_range(vma, vma->vm_start + half,
			       pfn + (half >> PAGE_SHIFT),
			       vma->vm_end - vma->vm_start - half,
			       vma->vm_page_prot);
}

/*
 * Pages are counted from where the VMA begins, and what it began with is kept
 * from mmap on: when its head is unmapped, the rest begins there.
 */
static int faulty_map_view(struct vm_area_struct *vma,
			   struct faulty_object *object)
{
	vma->vm_private_data = object->pages + vma->vm_pgoff;
	return faulty_map_pages(vma, object);
}

static vm_fault_t faulty_view_fault(struct vm_fault *vmf)
{
	struct page **pages = vmf->vma->vm_private_data;

	vmf->page = pages[(vmf->address - vmf->vma->vm_start) >> PAGE_SHIFT];
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct faulty_view_ops = {
	.fault = faulty_view_fault,
};

struct faulty_device faulty_bounds_devices[] = {
	{
		.name = "unchecked",
		.check = faulty_check_nothing,
		.map = faulty_map_remap,
		.vm_ops = &faulty_remap_ops,
	},
	{
		.name = "unbound",
		.check = faulty_check_nothing,
		.map = faulty_map_pages,
		.vm_ops = &faulty_unbound_ops,
	},
	{
		.name = "wrap",
		.check = faulty_check_sum,
		.map = faulty_map_remap,
		.vm_ops = &faulty_remap_ops,
	},
	{
		.name = "underflow",
		.check = faulty_check_rest,
		.map = faulty_map_remap,
		.vm_ops = &faulty_remap_ops,
	},
	{
		.name = "one-more",
		.check = faulty_check_loosely,
		.map = faulty_map_pages,
		.vm_ops = &faulty_behind_ops,
	},
	{
		.name = "partial",
		.check = faulty_check_length,
		.map = faulty_map_remap,
		.vm_ops = &faulty_remap_ops,
	},
	{
		.name = "bits32",
		.check = faulty_check_bytes,
		.map = faulty_map_pages,
		.vm_ops = &faulty_checked_ops,
	},
	{
		/* The error comes with the fault (000c4f90e3f0, drm/i915). */
		.name = "too-late",
		.check = faulty_check_nothing,
		.map = faulty_map_pages,
		.vm_ops = &faulty_checked_ops,
	},
	{
		.name = "grow",
		.check = faulty_check,
		.map = faulty_map_growing,
		.vm_ops = &faulty_behind_ops,
	},
	{
		.name = "overrun",
		.check = faulty_check,
		.map = faulty_map_overrun,
		.vm_ops = &faulty_remap_ops,
	},
	{
		.name = "halves",
		.check = faulty_check,
		.map = faulty_map_halves,
		.vm_ops = &faulty_remap_ops,
	},
	{
		.name = "view",
		.check = faulty_check,
		.map = faulty_map_view,
		.vm_ops = &faulty_view_ops,
	},
};

const size_t faulty_bounds_count = ARRAY_SIZE(faulty_bounds_devices);
