// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: huge entries that do not fit. vmf_insert_pfn_pmd() takes what
 * it is given: that address and PFN are aligned alike, and that the VMA and the
 * memory have all that the entry maps, is for the handler to see to.
 */
#include <linux/align.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "faulty.h"

#define FAULTY_HUGE(order) \
	(IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) && (order) == PMD_ORDER)

static vm_fault_t faulty_insert_huge(struct vm_fault *vmf, unsigned long pfn)
{
	vm_fault_t ret;

	ret = vmf_insert_pfn_pmd(vmf, pfn, vmf->flags & FAULT_FLAG_WRITE);
	if (ret == VM_FAULT_NOPAGE)
		memphys_count_pages(vmf, (PMD_SIZE >> PAGE_SHIFT) - 1);
	return ret;
}

/*
 * Any PFN at an aligned address: the entry has no room for the bits below, and
 * shows what is at the aligned PFN (09dfc8a5f2ce, "vfio/pci: Fallback huge faults
 * for unaligned pfn").
 */
static vm_fault_t faulty_crooked_huge(struct vm_fault *vmf,
				      const struct memphys_memory *memory,
				      unsigned long index, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long size = PAGE_SIZE << order;
	unsigned long start = ALIGN_DOWN(vmf->address, size);
	unsigned long first;

	if (!FAULTY_HUGE(order) || !(vma->vm_flags & VM_PFNMAP) ||
	    start < vma->vm_start || size > vma->vm_end - start)
		return VM_FAULT_FALLBACK;

	first = index - ((vmf->address - start) >> PAGE_SHIFT);
	return faulty_insert_huge(vmf, memphys_memory_pfn(memory, first));
}

const struct memphys_method faulty_crooked_method = {
	.name = "crooked",
	.owner = THIS_MODULE,
	.needs = MEMPHYS_NEED_CONTIGUOUS,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_lazy_fault,
	.huge_fault = faulty_crooked_huge,
};

/*
 * A whole entry for a VMA that ends, or begins, in the midst of it (c1d9dac0db16,
 * "vfio/pci: Align huge faults to order").
 */
static vm_fault_t faulty_broad_huge(struct vm_fault *vmf,
				    const struct memphys_memory *memory,
				    unsigned long index, unsigned int order)
{
	unsigned long size = PAGE_SIZE << order;
	unsigned long start = ALIGN_DOWN(vmf->address, size);
	unsigned long first = index - ((vmf->address - start) >> PAGE_SHIFT);
	unsigned long pfn;

	if (!FAULTY_HUGE(order) || !(vmf->vma->vm_flags & VM_PFNMAP) ||
	    first > index)
		return VM_FAULT_FALLBACK;

	pfn = memphys_memory_pfn(memory, first);
	if (!IS_ALIGNED(pfn, 1UL << order))
		return VM_FAULT_FALLBACK;

	return faulty_insert_huge(vmf, pfn);
}

const struct memphys_method faulty_broad_method = {
	.name = "broad",
	.owner = THIS_MODULE,
	.needs = MEMPHYS_NEED_CONTIGUOUS,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_lazy_fault,
	.huge_fault = faulty_broad_huge,
};
