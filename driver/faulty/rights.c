// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: the right memory with the wrong rights or flags.
 */
#include <linux/mm.h>
#include <linux/module.h>

#include "faulty.h"

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

const struct memphys_method faulty_page_io_method = {
	.name = "page-io",
	.owner = THIS_MODULE,
	.mmap = faulty_page_io_mmap,
	.fault = faulty_page_fault,
};

/*
 * The same mistake by a lazy handler: the PTE is made with a constant, and a
 * mapping that was asked for to be read can be written.
 */
static vm_fault_t faulty_lazy_prot_fault(struct vm_fault *vmf,
					 const struct memphys_memory *memory,
					 unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);

	if (vmf->vma->vm_flags & VM_PFNMAP)
		return vmf_insert_pfn_prot(vmf->vma, vmf->address, pfn,
					   PAGE_SHARED);

	return faulty_insert_pfn(vmf, pfn);
}

const struct memphys_method faulty_lazy_prot_method = {
	.name = "lazy-prot",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_lazy_prot_fault,
};

/*
 * What the file forbids, mm has taken from VM_MAYWRITE. A driver that sets the
 * flag, or leaves it where it has refused VM_WRITE itself, lets mprotect() give
 * the right back (CVE-2026-89793, "ublk: clear VM_MAYWRITE on read-only ublk
 * char device mmap"; f432a1621f04, "drm/panthor: Be stricter about IO mapping
 * flags").
 */
static int faulty_maywrite_mmap(struct vm_area_desc *desc,
				const struct memphys_memory *memory,
				unsigned long index)
{
	vma_desc_set_flags(desc, VMA_MAYWRITE_BIT);
	return memphys_pfn_flags(desc);
}

const struct memphys_method faulty_maywrite_method = {
	.name = "maywrite",
	.owner = THIS_MODULE,
	.mmap = faulty_maywrite_mmap,
	.fault = faulty_lazy_fault,
};

/*
 * No VM_DONTDUMP: a core dump reads the device (CVE-2021-47531, "drm/msm: Fix
 * mmap to include VM_IO and VM_DONTDUMP").
 */
static int faulty_dumped_mmap(struct vm_area_desc *desc,
			      const struct memphys_memory *memory,
			      unsigned long index)
{
	if (vma_desc_is_cow_mapping(desc))
		vma_desc_set_flags(desc, VMA_MIXEDMAP_BIT, VMA_IO_BIT,
				   VMA_DONTEXPAND_BIT);
	else
		vma_desc_set_flags(desc, VMA_PFNMAP_BIT, VMA_IO_BIT,
				   VMA_DONTEXPAND_BIT);
	return 0;
}

const struct memphys_method faulty_dumped_method = {
	.name = "dumped",
	.owner = THIS_MODULE,
	.mmap = faulty_dumped_mmap,
	.fault = faulty_lazy_fault,
};

/*
 * No VM_IO on frames: other parts of the kernel take the mapping for one of
 * pages, as KVM did with VM_PFNMAP ones before CVE-2021-22543.
 */
static int faulty_no_io_mmap(struct vm_area_desc *desc,
			     const struct memphys_memory *memory,
			     unsigned long index)
{
	vma_desc_set_flags(desc, VMA_MIXEDMAP_BIT, VMA_DONTEXPAND_BIT,
			   VMA_DONTDUMP_BIT);
	return 0;
}

const struct memphys_method faulty_no_io_method = {
	.name = "no-io",
	.owner = THIS_MODULE,
	.mmap = faulty_no_io_mmap,
	.fault = faulty_lazy_fault,
};

/*
 * Frames where pages are due: no reference keeps them, and nobody counts them
 * (1c1914d6e8c6, "dma-buf: heaps: Don't track CMA dma-buf pages under RssFile",
 * is the same confusion the other way round).
 */
static int faulty_uncounted_mmap(struct vm_area_desc *desc,
				 const struct memphys_memory *memory,
				 unsigned long index)
{
	vma_desc_set_flags(desc, VMA_MIXEDMAP_BIT, VMA_DONTEXPAND_BIT,
			   VMA_DONTDUMP_BIT);
	return 0;
}

const struct memphys_method faulty_uncounted_method = {
	.name = "uncounted",
	.owner = THIS_MODULE,
	.mmap = faulty_uncounted_mmap,
	.fault = faulty_lazy_fault,
};

/*
 * No VM_DONTEXPAND: mremap() makes the mapping longer than what mmap checked.
 * What has no bound in its handler either then maps what is behind (device
 * "grow"); this one is saved by that of the driver.
 */
static int faulty_growing_mmap(struct vm_area_desc *desc,
			       const struct memphys_memory *memory,
			       unsigned long index)
{
	vma_desc_set_flags(desc, VMA_DONTDUMP_BIT);
	return 0;
}

const struct memphys_method faulty_growing_method = {
	.name = "growing",
	.owner = THIS_MODULE,
	.mmap = faulty_growing_mmap,
	.fault = faulty_page_fault,
};
