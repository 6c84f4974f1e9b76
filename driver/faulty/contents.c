// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: methods that answer in time, but give the wrong memory, or
 * the right memory with the wrong rights or flags.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>

#include "faulty.h"

static vm_fault_t faulty_insert_pfn(struct vm_fault *vmf, unsigned long pfn)
{
	if (vmf->vma->vm_flags & VM_MIXEDMAP)
		return vmf_insert_mixed(vmf->vma, vmf->address, pfn);

	return vmf_insert_pfn(vmf->vma, vmf->address, pfn);
}

/* Pages that leave the lists of their processor at once when they are freed. */
#define FREED_ORDER	(PAGE_ALLOC_COSTLY_ORDER + 1)

/*
 * The memory has been given back before it is mapped, as a buffer is that was
 * freed or made anew while mappings of it live (CVE-2024-0582, c392cbecd8ec). A
 * PFN asks nobody: all goes well until somebody else is given the page.
 */
static vm_fault_t faulty_freed_fault(struct vm_fault *vmf,
				     const struct memphys_memory *memory,
				     unsigned long index)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, FREED_ORDER);
	unsigned long pfn;

	if (!page)
		return VM_FAULT_OOM;

	pfn = page_to_pfn(page);
	__free_pages(page, FREED_ORDER);
	return faulty_insert_pfn(vmf, pfn);
}

const struct memphys_method faulty_freed_method = {
	.name = "freed",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_freed_fault,
};

/* Each page stands where its neighbour belongs. */
static vm_fault_t faulty_swapped_fault(struct vm_fault *vmf,
				       const struct memphys_memory *memory,
				       unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);

	if (!memphys_arena_owns(pfn ^ 1))
		return VM_FAULT_SIGBUS;

	return faulty_insert_pfn(vmf, pfn ^ 1);
}

const struct memphys_method faulty_swapped_method = {
	.name = "swapped",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_swapped_fault,
};

/*
 * A constant where desc->page_prot belongs, as in the first kind of driver
 * mmap that the question on three kinds lists: whatever was asked for, the
 * PTEs are writable, and a store to a private mapping lands in the object.
 */
static int faulty_shared_prot_mmap(struct vm_area_desc *desc,
				   const struct memphys_memory *memory,
				   unsigned long index)
{
	desc->page_prot = PAGE_SHARED;
	mmap_action_remap_full(desc, memphys_memory_pfn(memory, index));
	return 0;
}

const struct memphys_method faulty_shared_prot_method = {
	.name = "shared-prot",
	.owner = THIS_MODULE,
	.needs = MEMPHYS_NEED_CONTIGUOUS,
	.mmap = faulty_shared_prot_mmap,
};

/*
 * VM_IO on pages: drivers that had VM_RESERVED set both, to be on the safe side,
 * and kept the one when the other went (547b1e81afe3). A program that touches
 * the mapping sees nothing of it. get_user_pages() refuses such a VMA, so
 * process_vm_readv(), vmsplice() and O_DIRECT fail where a method of pages has
 * to serve them.
 */
static int faulty_page_io_mmap(struct vm_area_desc *desc,
			       const struct memphys_memory *memory,
			       unsigned long index)
{
	vma_desc_set_flags(desc, VMA_IO_BIT, VMA_DONTEXPAND_BIT,
			   VMA_DONTDUMP_BIT);
	return 0;
}

static vm_fault_t faulty_page_io_fault(struct vm_fault *vmf,
				       const struct memphys_memory *memory,
				       unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);

	if (!faulty_is_ours(memory, pfn))
		return VM_FAULT_SIGBUS;

	vmf->page = pfn_to_page(pfn);
	get_page(vmf->page);
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

const struct memphys_method faulty_page_io_method = {
	.name = "page-io",
	.owner = THIS_MODULE,
	.mmap = faulty_page_io_mmap,
	.fault = faulty_page_io_fault,
};
