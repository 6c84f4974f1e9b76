// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the reference methods, each the shortest right way to use one call
 * of mm.
 */
#include <linux/mm.h>
#include <linux/module.h>

#include "memphys.h"

/*
 * remap: everything at mmap time. remap_pfn_range() takes any PFN, with or
 * without a struct page, holds no reference, and marks the VMA so that nobody
 * else looks for a page behind it. A private writable mapping it takes only
 * whole and in one call, which this is.
 */
static int memphys_remap_mmap(struct vm_area_desc *desc, unsigned long pfn)
{
	mmap_action_remap_full(desc, pfn);
	return 0;
}

const struct memphys_method memphys_remap_method = {
	.name = "remap",
	.owner = THIS_MODULE,
	.mmap = memphys_remap_mmap,
};

/*
 * fault: one page at a time, when it is touched. The memory is not ours, so a
 * reference on its struct page, or an rmap entry, would be wrong; the PTE has
 * to be a special one, which mm never traces back to a page.
 *
 * Which call makes such a PTE depends on the mapping. A shared one becomes
 * VM_PFNMAP, as with remap_pfn_range(), and vmf_insert_pfn() fills it. For a
 * copy-on-write one that would be a BUG_ON(): mm tells the copies in a PFNMAP
 * area from its PFNs by their linear order, which a lazy handler cannot
 * promise. A VM_MIXEDMAP area tells them by the special bit, so it may hold
 * both, and vmf_insert_mixed() puts the PFN in as special. That call would
 * not do for the shared one: since 6.11 it refuses the zero page's PFN there,
 * and what remap serves this has to serve too.
 */
static int memphys_fault_mmap(struct vm_area_desc *desc, unsigned long pfn)
{
	if (vma_desc_is_cow_mapping(desc))
		vma_desc_set_flags(desc, VMA_MIXEDMAP_BIT, VMA_IO_BIT,
				   VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT);
	else
		vma_desc_set_flags(desc, VMA_PFNMAP_BIT, VMA_IO_BIT,
				   VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT);
	return 0;
}

static vm_fault_t memphys_fault_fault(struct vm_fault *vmf, unsigned long pfn)
{
	struct vm_area_struct *vma = vmf->vma;

	if (vma->vm_flags & VM_MIXEDMAP)
		return vmf_insert_mixed(vma, vmf->address, pfn);

	return vmf_insert_pfn(vma, vmf->address, pfn);
}

const struct memphys_method memphys_fault_method = {
	.name = "fault",
	.owner = THIS_MODULE,
	.mmap = memphys_fault_mmap,
	.fault = memphys_fault_fault,
};
