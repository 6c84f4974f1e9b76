// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: handlers that do not come back: they wait for something that
 * never happens, or do not even wait.
 */
#include <linux/completion.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "faulty.h"

/* Nobody completes it. */
static DECLARE_COMPLETION(faulty_never);

/* A killable sleep: the task hangs, SIGKILL still ends it. */
static vm_fault_t faulty_sleep_fault(struct vm_fault *vmf,
				     const struct memphys_memory *memory,
				     unsigned long index)
{
	if (wait_for_completion_killable(&faulty_never))
		return VM_FAULT_SIGBUS;

	return vmf_insert_pfn(vmf->vma, vmf->address,
			      memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_sleep_method = {
	.name = "sleep",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_sleep_fault,
};

/* An uninterruptible one: not even SIGKILL does. */
static vm_fault_t faulty_stuck_fault(struct vm_fault *vmf,
				     const struct memphys_memory *memory,
				     unsigned long index)
{
	wait_for_completion(&faulty_never);

	return vmf_insert_pfn(vmf->vma, vmf->address,
			      memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_stuck_method = {
	.name = "stuck",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_stuck_fault,
};

/* Waits by running in circles, inside of the kernel, where no signal comes. */
static vm_fault_t faulty_spin_fault(struct vm_fault *vmf,
				    const struct memphys_memory *memory,
				    unsigned long index)
{
	while (!completion_done(&faulty_never))
		cpu_relax();

	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_spin_method = {
	.name = "spin",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_spin_fault,
};

/*
 * The same with interrupts off: no other task gets this processor either, and who
 * waits for an answer of it, as to flush TLBs, waits as long.
 */
static vm_fault_t faulty_deaf_fault(struct vm_fault *vmf,
				    const struct memphys_memory *memory,
				    unsigned long index)
{
	local_irq_disable();
	while (!completion_done(&faulty_never))
		cpu_relax();
	local_irq_enable();

	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_deaf_method = {
	.name = "deaf",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_deaf_fault,
};
