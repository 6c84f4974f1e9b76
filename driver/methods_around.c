// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the reference methods that map PFNs, and more of them than the one
 * that was touched.
 */
#include <linux/align.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "memphys.h"

static int memphys_around_mmap(struct vm_area_desc *desc,
			       const struct memphys_memory *memory,
			       unsigned long index)
{
	return memphys_pfn_flags(desc);
}

/*
 * prefault: a fault brings its neighbours along, 64 KiB around it as far as
 * the VMA goes. They are a present: should one not be had, the fault itself is
 * served all the same. A PTE that is there already, a private copy maybe, is
 * left alone by both calls.
 *
 * vm_ops->map_pages is where mm would ask for neighbours. It must not sleep,
 * and what sets a PTE under its lock is not exported to modules; the calls
 * that are may have to allocate a page table.
 */
static vm_fault_t memphys_prefault_fault(struct vm_fault *vmf,
					 const struct memphys_memory *memory,
					 unsigned long index)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long around = ALIGN_DOWN(vmf->address, SZ_64K);
	unsigned long start = max(around, vma->vm_start);
	unsigned long end = min(around + SZ_64K, vma->vm_end);
	unsigned long first = index - ((vmf->address - start) >> PAGE_SHIFT);
	unsigned long address, count = 0;
	vm_fault_t ret;

	ret = memphys_insert_pfn(vma, vmf->address,
				 memphys_memory_pfn(memory, index));
	if (ret != VM_FAULT_NOPAGE)
		return ret;

	for (address = start; address < end; address += PAGE_SIZE, first++) {
		if (address == vmf->address || first >= memory->npages)
			continue;
		if (memphys_insert_pfn(vma, address,
				       memphys_memory_pfn(memory, first)) !=
		    VM_FAULT_NOPAGE)
			break;
		count++;
	}

	memphys_count_pages(vmf, count);
	return ret;
}

const struct memphys_method memphys_prefault_method = {
	.name = "prefault",
	.owner = THIS_MODULE,
	.flags = MEMPHYS_METHOD_FLAG_AROUND,
	.mmap = memphys_around_mmap,
	.fault = memphys_prefault_fault,
};

/*
 * huge: one entry of a higher page table for all that it covers, where the
 * address and the PFN are aligned alike and the VMA holds all of it. A
 * copy-on-write mapping is copied page by page, so it starts with pages.
 * Before 6.6 mm asks nobody but DAX, and every fault comes as a page.
 *
 * A PMD, that is, and no PUD: when a VMA is split inside of one, or moved to
 * where it is not aligned, mm looks for the PMD there, and takes what is mapped
 * for a page table (vma_adjust_trans_huge() with mm_find_pmd(), and
 * move_page_tables(); 6.12, 7.3). A munmap() of a page would be a panic.
 */
static vm_fault_t memphys_huge_fault(struct vm_fault *vmf,
				     const struct memphys_memory *memory,
				     unsigned long index, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long size = PAGE_SIZE << order;
	unsigned long start = ALIGN_DOWN(vmf->address, size);
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	vm_fault_t ret = VM_FAULT_FALLBACK;
	unsigned long first, pfn;

	if (order != PMD_ORDER || !(vma->vm_flags & VM_PFNMAP) ||
	    start < vma->vm_start || size > vma->vm_end - start)
		return VM_FAULT_FALLBACK;

	first = index - ((vmf->address - start) >> PAGE_SHIFT);
	if (memphys_check_pages(first, 1UL << order, memory->npages))
		return VM_FAULT_FALLBACK;

	pfn = memphys_memory_pfn(memory, first);
	if (!IS_ALIGNED(pfn, 1UL << order))
		return VM_FAULT_FALLBACK;

	if (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		ret = vmf_insert_pfn_pmd(vmf, pfn, write);
	if (ret == VM_FAULT_NOPAGE)
		memphys_count_pages(vmf, (1UL << order) - 1);
	return ret;
}

/* Where none fits: as fault does it. */
static vm_fault_t memphys_small_fault(struct vm_fault *vmf,
				      const struct memphys_memory *memory,
				      unsigned long index)
{
	return memphys_insert_pfn(vmf->vma, vmf->address,
				  memphys_memory_pfn(memory, index));
}

const struct memphys_method memphys_huge_method = {
	.name = "huge",
	.owner = THIS_MODULE,
	.flags = MEMPHYS_METHOD_FLAG_HUGE,
	.needs = MEMPHYS_NEED_CONTIGUOUS,
	.mmap = memphys_around_mmap,
	.fault = memphys_small_fault,
	.huge_fault = memphys_huge_fault,
};
