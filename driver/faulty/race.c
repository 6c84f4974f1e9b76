// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: handlers that are right as long as nobody else faults.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>

#include "faulty.h"

/* As long as memory takes that has to be fetched from somewhere. */
#define FETCH_US	2000

static void faulty_fetch(void)
{
	usleep_range(FETCH_US, 2 * FETCH_US);
}

/*
 * Two tasks that fault on one page come here both, and what the first one holds
 * the second one finds busy. That is no error: it has to wait, or to leave it at
 * what the first one does. Whoever hands EBUSY on makes it a SIGBUS
 * (505886d50633, "drm/msm: EBUSY status handling in msm_gem_fault()").
 */
static vm_fault_t faulty_busy_fault(struct vm_fault *vmf,
				    const struct memphys_memory *memory,
				    unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);
	struct page *page;

	if (!faulty_is_ours(memory, pfn))
		return VM_FAULT_SIGBUS;

	page = pfn_to_page(pfn);
	if (!trylock_page(page))
		return VM_FAULT_SIGBUS;

	faulty_fetch();
	get_page(page);
	vmf->page = page;
	return VM_FAULT_LOCKED;
}

const struct memphys_method faulty_busy_method = {
	.name = "busy",
	.owner = THIS_MODULE,
	.mmap = faulty_page_mmap,
	.fault = faulty_busy_fault,
};

/* The page that is wanted now: one for all, and no lock. */
static unsigned long faulty_wanted;

/* A fault that comes meanwhile changes what this one is about. */
static vm_fault_t faulty_unlocked_fault(struct vm_fault *vmf,
					const struct memphys_memory *memory,
					unsigned long index)
{
	unsigned long pfn;

	WRITE_ONCE(faulty_wanted, memphys_memory_pfn(memory, index));
	faulty_fetch();
	pfn = READ_ONCE(faulty_wanted);
	if (!memphys_arena_owns(pfn))
		return VM_FAULT_SIGBUS;

	return faulty_insert_pfn(vmf, pfn);
}

const struct memphys_method faulty_unlocked_method = {
	.name = "unlocked",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_unlocked_fault,
};

/*
 * A handler runs with mmap_lock held for reading, and takes it once more. That
 * goes well until somebody waits for it to write, in between: then both wait
 * for ever. Only lockdep sees it before.
 */
static vm_fault_t faulty_relock_fault(struct vm_fault *vmf,
				      const struct memphys_memory *memory,
				      unsigned long index)
{
	vm_fault_t ret;

	mmap_read_lock(vmf->vma->vm_mm);
	ret = faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
	mmap_read_unlock(vmf->vma->vm_mm);
	return ret;
}

const struct memphys_method faulty_relock_method = {
	.name = "relock",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_relock_fault,
};
