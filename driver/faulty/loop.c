// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: handlers after which the same address faults again, for
 * ever.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>

#include "faulty.h"

/* What 2.6.31 read into the value that a fault handler returned. */
#define OLD_FAULT_NOPAGE	0x100
#define OLD_FAULT_LOCKED	0x200

/* Bytes of a struct page of x86-64 then: seven words. */
#define OLD_PAGE_STRUCT		56

/*
 * The handler of the original question: it leaves the page in vmf->page, with
 * a reference, and then returns the address of the struct page besides, as
 * nopage handlers did before 2.6.23. A fault handler returns a set of bits, so
 * the low bits of that address decide what happens next.
 *
 * The array of struct page began at a multiple of 32 KiB, hence the low bits
 * are those of PFN times 56. Of a range that begins at a multiple of 64 pages,
 * five pages have the bit 0x100 clear (4 * 56 = 224) and the sixth has it set
 * (5 * 56 = 280): NOPAGE, "the handler has filled the PTE", which nobody did.
 * The reference leaks on every turn, too.
 *
 * Real addresses of today's struct page would set other bits and leave the
 * mmap_lock held, so the arithmetic is the old one. Pages that are not ours
 * are refused: the bug shown here is not the one of pinning free pages.
 */
static vm_fault_t faulty_original_fault(struct vm_fault *vmf,
					const struct memphys_memory *memory,
					unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);
	unsigned long old_code = pfn * OLD_PAGE_STRUCT;

	if (!faulty_is_ours(memory, pfn))
		return VM_FAULT_SIGBUS;

	vmf->page = pfn_to_page(pfn);
	get_page(vmf->page);

	if (old_code & OLD_FAULT_NOPAGE)
		return VM_FAULT_NOPAGE;

	if (old_code & OLD_FAULT_LOCKED) {
		/* Claimed only, then; today an unlocked page would be a BUG. */
		lock_page(vmf->page);
		return VM_FAULT_LOCKED;
	}

	return 0;
}

const struct memphys_method faulty_original_method = {
	.name = "original",
	.owner = THIS_MODULE,
	.mmap = faulty_page_mmap,
	.fault = faulty_original_fault,
};

/*
 * NOPAGE says that the handler has filled the PTE. This one has not: the CPU
 * runs the instruction again and is back at once. Each turn counts as a minor
 * fault, and a signal ends it.
 */
static vm_fault_t faulty_nopage_fault(struct vm_fault *vmf,
				      const struct memphys_memory *memory,
				      unsigned long index)
{
	return VM_FAULT_NOPAGE;
}

const struct memphys_method faulty_nopage_method = {
	.name = "nopage",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_nopage_fault,
};

/*
 * RETRY says that the lock has been dropped to wait for something, and that
 * the fault is to be tried again. This one keeps to the letter, drops the
 * lock, and has nothing to wait for. The loop stays inside the kernel, where
 * mm counts no fault before it is done.
 */
static vm_fault_t faulty_retry_fault(struct vm_fault *vmf,
				     const struct memphys_memory *memory,
				     unsigned long index)
{
	release_fault_lock(vmf);
	return VM_FAULT_RETRY;
}

const struct memphys_method faulty_retry_method = {
	.name = "retry",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_retry_fault,
};

/*
 * The same of pages, which the kernel itself may ask for: get_user_pages() looks
 * again, too. RETRY is said only where FAULT_FLAG_ALLOW_RETRY lets a handler let go
 * of the lock.
 */
static vm_fault_t faulty_retry_page_fault(struct vm_fault *vmf,
					  const struct memphys_memory *memory,
					  unsigned long index)
{
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY) ||
	    vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return faulty_page_fault(vmf, memory, index);

	release_fault_lock(vmf);
	return VM_FAULT_RETRY;
}

const struct memphys_method faulty_retry_page_method = {
	.name = "retry-page",
	.owner = THIS_MODULE,
	.mmap = faulty_page_mmap,
	.fault = faulty_retry_page_fault,
};

/*
 * OOM says that the kernel is out of memory, so that somebody will be killed and
 * the fault be tried again. Nobody is, since pagefault_out_of_memory() in
 * mm/oom_kill.c leaves that to who allocates: the instruction is run again, and
 * as the fault has failed, it is not counted.
 */
static vm_fault_t faulty_oom_fault(struct vm_fault *vmf,
				   const struct memphys_memory *memory,
				   unsigned long index)
{
	return VM_FAULT_OOM;
}

const struct memphys_method faulty_oom_method = {
	.name = "oom",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_oom_fault,
};
