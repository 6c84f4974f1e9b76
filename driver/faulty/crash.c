// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: handlers that hurt the kernel.
 */
#include <linux/bug.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "faulty.h"

/*
 * 0 says that vmf->page holds the page. Left NULL, __do_fault() in
 * mm/memory.c follows it.
 */
static vm_fault_t faulty_oops_fault(struct vm_fault *vmf,
				    const struct memphys_memory *memory,
				    unsigned long index)
{
	return 0;
}

const struct memphys_method faulty_oops_method = {
	.name = "oops",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_oops_fault,
};

/* Right in what it does, but a warning a fault. */
static vm_fault_t faulty_warn_fault(struct vm_fault *vmf,
				    const struct memphys_memory *memory,
				    unsigned long index)
{
	WARN(true, "memphys_faulty: a warning on purpose\n");

	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_warn_method = {
	.name = "warn",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_warn_fault,
};
