// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: handlers that map the right page and say the wrong thing of
 * it, or make the PTE by a call that the VMA is not for. The rules stand at enum
 * vm_fault_reason in include/linux/mm_types.h, and at the calls in mm/memory.c.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>

#include "faulty.h"

/* Where a handler was last that answers at the second time only. */
static unsigned long faulty_asked;

static bool faulty_first_time(unsigned long address)
{
	return xchg(&faulty_asked, address) != address;
}

/*
 * The PTE is there, and 0 says that it is still to be made, of vmf->page, which
 * is NULL. NOPAGE would be right.
 */
static vm_fault_t faulty_zero_fault(struct vm_fault *vmf,
				    const struct memphys_memory *memory,
				    unsigned long index)
{
	vm_fault_t ret;

	ret = faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
	return ret == VM_FAULT_NOPAGE ? 0 : ret;
}

const struct memphys_method faulty_zero_method = {
	.name = "zero",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_zero_fault,
};

/*
 * An errno is no set of bits. -EAGAIN has nearly all of them, COMPLETED among
 * these: mm takes it that mmap_lock has been let go of, and nobody does. There
 * is vmf_error() for it.
 */
static vm_fault_t faulty_errno_fault(struct vm_fault *vmf,
				     const struct memphys_memory *memory,
				     unsigned long index)
{
	if (faulty_first_time(vmf->address))
		return (__force vm_fault_t)-EAGAIN;

	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_errno_method = {
	.name = "errno",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_errno_fault,
};

/*
 * RETRY says that mmap_lock has been let go of, and here it has not: the fault
 * comes back with the lock held twice, and is served. Whoever wants to write to
 * the address space after that waits for ever, so that the process cannot even
 * end (0b10b945479c, "bpf: Fix mmap_lock deadlock on arena lock failure").
 */
static vm_fault_t faulty_lock_kept_fault(struct vm_fault *vmf,
					 const struct memphys_memory *memory,
					 unsigned long index)
{
	if (faulty_first_time(vmf->address))
		return VM_FAULT_RETRY;

	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_lock_kept_method = {
	.name = "lock-kept",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_lock_kept_fault,
};

/* The same by COMPLETED: all is done, the lock is gone, which it is not. */
static vm_fault_t faulty_completed_fault(struct vm_fault *vmf,
					 const struct memphys_memory *memory,
					 unsigned long index)
{
	vm_fault_t ret;

	ret = faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
	return ret == VM_FAULT_NOPAGE ? ret | VM_FAULT_COMPLETED : ret;
}

const struct memphys_method faulty_completed_method = {
	.name = "completed",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_completed_fault,
};

/*
 * The page is locked and LOCKED is not said, so __do_fault() locks it, too, and
 * waits for itself.
 */
static vm_fault_t faulty_locked_fault(struct vm_fault *vmf,
				      const struct memphys_memory *memory,
				      unsigned long index)
{
	vm_fault_t ret = faulty_page_fault(vmf, memory, index);

	return ret == VM_FAULT_LOCKED ? 0 : ret;
}

const struct memphys_method faulty_locked_method = {
	.name = "locked",
	.owner = THIS_MODULE,
	.mmap = faulty_page_mmap,
	.fault = faulty_locked_fault,
};

/* LOCKED is said of a page that is not: mm unlocks what nobody has locked. */
static vm_fault_t faulty_not_locked_fault(struct vm_fault *vmf,
					  const struct memphys_memory *memory,
					  unsigned long index)
{
	vm_fault_t ret = faulty_page_fault(vmf, memory, index);

	if (ret == VM_FAULT_LOCKED)
		unlock_page(vmf->page);
	return ret;
}

const struct memphys_method faulty_not_locked_method = {
	.name = "not-locked",
	.owner = THIS_MODULE,
	.mmap = faulty_page_mmap,
	.fault = faulty_not_locked_fault,
};

static int faulty_unmarked_mmap(struct vm_area_desc *desc,
				const struct memphys_memory *memory,
				unsigned long index)
{
	vma_desc_set_flags(desc, VMA_IO_BIT, VMA_DONTEXPAND_BIT,
			   VMA_DONTDUMP_BIT);
	return 0;
}

/* A BUG_ON() of vmf_insert_pfn(): the VMA is not said to have frames. */
static vm_fault_t faulty_unmarked_fault(struct vm_fault *vmf,
					const struct memphys_memory *memory,
					unsigned long index)
{
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_unmarked_method = {
	.name = "unmarked",
	.owner = THIS_MODULE,
	.mmap = faulty_unmarked_mmap,
	.fault = faulty_unmarked_fault,
};

/*
 * vm_insert_page() wants to set VM_MIXEDMAP, for which it needs the lock that a
 * handler has not: a BUG_ON(), unless mmap has set it.
 */
static vm_fault_t faulty_unmixed_fault(struct vm_fault *vmf,
				       const struct memphys_memory *memory,
				       unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);

	if (!faulty_is_ours(memory, pfn) ||
	    vm_insert_page(vmf->vma, vmf->address, pfn_to_page(pfn)))
		return VM_FAULT_SIGBUS;

	return VM_FAULT_NOPAGE;
}

const struct memphys_method faulty_unmixed_method = {
	.name = "unmixed",
	.owner = THIS_MODULE,
	.mmap = faulty_page_mmap,
	.fault = faulty_unmixed_fault,
};

/*
 * Frames in a mapping that copies on write, which only remap_pfn_range() can
 * tell from copies: a BUG_ON() for anybody who can open the file. Every private
 * mapping is one, also one that is only read (CVE-2024-39497, "drm/shmem-helper:
 * Fix BUG_ON() on mmap(PROT_WRITE, MAP_PRIVATE)").
 */
static int faulty_cow_mmap(struct vm_area_desc *desc,
			   const struct memphys_memory *memory,
			   unsigned long index)
{
	vma_desc_set_flags(desc, VMA_PFNMAP_BIT, VMA_IO_BIT,
			   VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT);
	return 0;
}

const struct memphys_method faulty_cow_method = {
	.name = "cow",
	.owner = THIS_MODULE,
	.mmap = faulty_cow_mmap,
	.fault = faulty_unmarked_fault,
};

/*
 * The first fault maps all. remap_pfn_range() changes flags of the VMA, for
 * which a handler has not the lock, and it wants empty PTEs: of two faults at
 * once the second one is a BUG_ON() (6a45ece, "vfio/pci: Handle concurrent vma
 * faults").
 */
static vm_fault_t faulty_remap_late_fault(struct vm_fault *vmf,
					  const struct memphys_memory *memory,
					  unsigned long index)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long before = (vmf->address - vma->vm_start) >> PAGE_SHIFT;

	if (remap_pfn_range(vma, vma->vm_start,
			    memphys_memory_pfn(memory, index - before),
			    vma->vm_end - vma->vm_start, vma->vm_page_prot))
		return VM_FAULT_SIGBUS;

	return VM_FAULT_NOPAGE;
}

const struct memphys_method faulty_remap_late_method = {
	.name = "remap-late",
	.owner = THIS_MODULE,
	.needs = MEMPHYS_NEED_CONTIGUOUS,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_remap_late_fault,
};

/* Flags of a VMA are for who holds mmap_lock to write, as mmap does. */
static int faulty_late_flags_mmap(struct vm_area_desc *desc,
				  const struct memphys_memory *memory,
				  unsigned long index)
{
	if (vma_desc_is_cow_mapping(desc))
		vma_desc_set_flags(desc, VMA_MIXEDMAP_BIT, VMA_IO_BIT);
	else
		vma_desc_set_flags(desc, VMA_PFNMAP_BIT, VMA_IO_BIT);
	return 0;
}

static vm_fault_t faulty_late_flags_fault(struct vm_fault *vmf,
					  const struct memphys_memory *memory,
					  unsigned long index)
{
	vm_flags_set(vmf->vma, VM_DONTEXPAND | VM_DONTDUMP);
	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_late_flags_method = {
	.name = "late-flags",
	.owner = THIS_MODULE,
	.mmap = faulty_late_flags_mmap,
	.fault = faulty_late_flags_fault,
};
