// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: methods that answer in time, but with the wrong memory, or
 * with the right one in a wrong way.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "faulty.h"

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
 * Counted from where the VMA begins: the file offset is not looked at, as if
 * everybody mapped all of the object.
 */
static vm_fault_t faulty_relative_fault(struct vm_fault *vmf,
					const struct memphys_memory *memory,
					unsigned long index)
{
	unsigned long page = (vmf->address - vmf->vma->vm_start) >> PAGE_SHIFT;

	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, page));
}

const struct memphys_method faulty_relative_method = {
	.name = "relative",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_relative_fault,
};

/*
 * virt_to_phys() is for the direct map. Of an address of vmalloc() it makes a
 * number that no memory has.
 */
static vm_fault_t faulty_virt_fault(struct vm_fault *vmf,
				    const struct memphys_memory *memory,
				    unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);

	if (is_vmalloc_addr(memory->addr))
		pfn = PHYS_PFN(virt_to_phys(memory->addr)) + index;

	return faulty_insert_pfn(vmf, pfn);
}

const struct memphys_method faulty_virt_method = {
	.name = "virt",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_virt_fault,
};

/*
 * Uncached to the user what is cached to the kernel. One page has one cache
 * mode: x86 takes the kernel's instead, and says so (reserve_pfn_range() in
 * arch/x86/mm/pat/memtype.c); others take what they are told, and then the two
 * see different bytes, as usbfs had it before 2bef9aed6f0e ("usb: usbfs: correct
 * kernel->user page attribute mismatch").
 */
static int faulty_uncached_mmap(struct vm_area_desc *desc,
				const struct memphys_memory *memory,
				unsigned long index)
{
	desc->page_prot = pgprot_noncached(desc->page_prot);
	mmap_action_remap_full(desc, memphys_memory_pfn(memory, index));
	return 0;
}

const struct memphys_method faulty_uncached_method = {
	.name = "uncached",
	.owner = THIS_MODULE,
	.needs = MEMPHYS_NEED_CONTIGUOUS,
	.mmap = faulty_uncached_mmap,
};

/*
 * Not all that has a PFN has a struct page: to hold one while the PTE is made
 * is to write to an array that has a hole there. The persistent ring buffer of
 * tracing was such memory (CVE-2025-21778, "tracing: Do not allow mmap() of
 * persistent ring buffer").
 */
static vm_fault_t faulty_hole_fault(struct vm_fault *vmf,
				    const struct memphys_memory *memory,
				    unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);
	struct page *page = pfn_to_page(pfn);
	vm_fault_t ret;

	get_page(page);
	ret = faulty_insert_pfn(vmf, pfn);
	put_page(page);
	return ret;
}

const struct memphys_method faulty_hole_method = {
	.name = "hole",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_hole_fault,
};
