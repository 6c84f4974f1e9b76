// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the reference methods that map PFNs, each the shortest right way to
 * use one call of mm. Whose memory it is does not matter to them: they take no
 * reference, and mm never traces their PTEs back to a struct page.
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
static int memphys_remap_mmap(struct vm_area_desc *desc,
			      const struct memphys_memory *memory,
			      unsigned long index)
{
	mmap_action_remap_full(desc, memphys_memory_pfn(memory, index));
	return 0;
}

const struct memphys_method memphys_remap_method = {
	.name = "remap",
	.owner = THIS_MODULE,
	.flags = MEMPHYS_METHOD_FLAG_EAGER | MEMPHYS_METHOD_FLAG_COW_LINEAR,
	.needs = MEMPHYS_NEED_CONTIGUOUS,
	.mmap = memphys_remap_mmap,
};

/**
 * memphys_pfn_flags() - say that a mapping is to get PFNs, page by page
 * @desc: the mapping to be
 *
 * The memory may not be ours, so a reference on its struct page, or an rmap
 * entry, would be wrong; the PTE has to be a special one, which mm never
 * traces back to a page.
 *
 * Which call makes such a PTE depends on the mapping. A shared one becomes
 * VM_PFNMAP, as with remap_pfn_range(), and vmf_insert_pfn() fills it. For a
 * copy-on-write one that would be a BUG_ON(): mm tells the copies in a PFNMAP
 * area from its PFNs by their linear order, which a lazy handler cannot
 * promise. A VM_MIXEDMAP area tells them by the special bit, so it may hold
 * both, and vmf_insert_mixed() puts the PFN in as special. That call would
 * not do for the shared one: since 6.11 it refuses the zero page's PFN there,
 * and what remap serves this has to serve too.
 *
 * Return: 0.
 */
int memphys_pfn_flags(struct vm_area_desc *desc)
{
	if (vma_desc_is_cow_mapping(desc))
		vma_desc_set_flags(desc, VMA_MIXEDMAP_BIT, VMA_IO_BIT,
				   VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT);
	else
		vma_desc_set_flags(desc, VMA_PFNMAP_BIT, VMA_IO_BIT,
				   VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT);
	return 0;
}
EXPORT_SYMBOL_GPL(memphys_pfn_flags);

/**
 * memphys_insert_pfn() - map a PFN in a mapping of memphys_pfn_flags()
 * @vma: the mapping
 * @address: where, a multiple of the page size
 * @pfn: what
 *
 * Return: VM_FAULT_NOPAGE; or what the call of mm says.
 */
vm_fault_t memphys_insert_pfn(struct vm_area_struct *vma,
			      unsigned long address, unsigned long pfn)
{
	if (vma->vm_flags & VM_MIXEDMAP)
		return vmf_insert_mixed(vma, address, pfn);

	return vmf_insert_pfn(vma, address, pfn);
}

/* fault: one page at a time, when it is touched. */
static int memphys_fault_mmap(struct vm_area_desc *desc,
			      const struct memphys_memory *memory,
			      unsigned long index)
{
	return memphys_pfn_flags(desc);
}

static vm_fault_t memphys_fault_fault(struct vm_fault *vmf,
				      const struct memphys_memory *memory,
				      unsigned long index)
{
	return memphys_insert_pfn(vmf->vma, vmf->address,
				  memphys_memory_pfn(memory, index));
}

const struct memphys_method memphys_fault_method = {
	.name = "fault",
	.owner = THIS_MODULE,
	.mmap = memphys_fault_mmap,
	.fault = memphys_fault_fault,
};
