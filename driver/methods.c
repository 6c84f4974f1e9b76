// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the reference methods that map PFNs, each the shortest right way to
 * use one call of mm. Whose memory it is does not matter to them: they take no
 * reference, and mm never traces their PTEs back to a struct page.
 */
#include <linux/align.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>

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

static int memphys_fault_mmap(struct vm_area_desc *desc,
			      const struct memphys_memory *memory,
			      unsigned long index)
{
	return memphys_pfn_flags(desc);
}

static vm_fault_t memphys_insert_pfn(struct vm_area_struct *vma,
				     unsigned long address, unsigned long pfn)
{
	if (vma->vm_flags & VM_MIXEDMAP)
		return vmf_insert_mixed(vma, address, pfn);

	return vmf_insert_pfn(vma, address, pfn);
}

/* fault: one page at a time, when it is touched. */
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
	.mmap = memphys_fault_mmap,
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

const struct memphys_method memphys_huge_method = {
	.name = "huge",
	.owner = THIS_MODULE,
	.flags = MEMPHYS_METHOD_FLAG_HUGE,
	.needs = MEMPHYS_NEED_CONTIGUOUS,
	.mmap = memphys_fault_mmap,
	.fault = memphys_fault_fault,
	.huge_fault = memphys_huge_fault,
};
