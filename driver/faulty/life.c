// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: methods of pages that do not keep count of them.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>

#include "faulty.h"

/*
 * mm takes over one reference with vmf->page, and drops it when the PTE goes.
 * Without one, it drops the driver's own, and the page is free while the driver
 * still has it.
 */
static vm_fault_t faulty_no_get_fault(struct vm_fault *vmf,
				      const struct memphys_memory *memory,
				      unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);

	if (!faulty_is_ours(memory, pfn))
		return VM_FAULT_SIGBUS;

	vmf->page = pfn_to_page(pfn);
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

const struct memphys_method faulty_no_get_method = {
	.name = "no-get",
	.owner = THIS_MODULE,
	.mmap = faulty_page_mmap,
	.fault = faulty_no_get_fault,
};

/* One reference too many: the page is never free again. */
static vm_fault_t faulty_get_twice_fault(struct vm_fault *vmf,
					 const struct memphys_memory *memory,
					 unsigned long index)
{
	vm_fault_t ret = faulty_page_fault(vmf, memory, index);

	if (ret == VM_FAULT_LOCKED)
		get_page(vmf->page);
	return ret;
}

const struct memphys_method faulty_get_twice_method = {
	.name = "get-twice",
	.owner = THIS_MODULE,
	.mmap = faulty_page_mmap,
	.fault = faulty_get_twice_fault,
};

/*
 * The page is told whose it is, and is not told otherwise before it is freed
 * (3efc61d, "fbdev: Fix invalid page access after closing deferred I/O
 * devices"). The page allocator looks, where it is built to.
 */
static vm_fault_t faulty_marked_fault(struct vm_fault *vmf,
				      const struct memphys_memory *memory,
				      unsigned long index)
{
	vm_fault_t ret = faulty_page_fault(vmf, memory, index);

	if (ret == VM_FAULT_LOCKED)
		vmf->page->mapping = vmf->vma->vm_file->f_mapping;
	return ret;
}

const struct memphys_method faulty_marked_method = {
	.name = "marked",
	.owner = THIS_MODULE,
	.mmap = faulty_page_mmap,
	.fault = faulty_marked_fault,
};
