// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: handlers that hurt the kernel, or whom they serve.
 */
#include <linux/bug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/reboot.h>
#include <linux/sched/signal.h>

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

/* Lines of noise before the warning, and after it. */
#define FAULTY_NOISE	50

static void faulty_make_noise(void)
{
	int i;

	for (i = 0; i < FAULTY_NOISE; i++)
		pr_info("memphys_faulty: noise %d: no BUG: and no WARNING: of anything\n",
			i);
}

/* The same, and nobody who reads the log would find it. */
static vm_fault_t faulty_noisy_fault(struct vm_fault *vmf,
				     const struct memphys_memory *memory,
				     unsigned long index)
{
	faulty_make_noise();
	WARN(true, "memphys_faulty: a warning in the midst of noise\n");
	faulty_make_noise();

	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_noisy_method = {
	.name = "noisy",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_noisy_fault,
};

/* Nothing that goes wrong in one mapping is reason enough to end all. */
static vm_fault_t faulty_panic_fault(struct vm_fault *vmf,
				     const struct memphys_memory *memory,
				     unsigned long index)
{
	panic("memphys_faulty: the end, on purpose");
}

const struct memphys_method faulty_panic_method = {
	.name = "panic",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_panic_fault,
};

/* So does a device that resets the machine, without a word. */
static vm_fault_t faulty_reset_fault(struct vm_fault *vmf,
				     const struct memphys_memory *memory,
				     unsigned long index)
{
	emergency_restart();

	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_reset_method = {
	.name = "reset",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_reset_fault,
};

/* A signal that nobody can catch. VM_FAULT_SIGBUS would do. */
static vm_fault_t faulty_killed_fault(struct vm_fault *vmf,
				      const struct memphys_memory *memory,
				      unsigned long index)
{
	send_sig(SIGKILL, current, 1);

	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

const struct memphys_method faulty_killed_method = {
	.name = "killed",
	.owner = THIS_MODULE,
	.mmap = faulty_lazy_mmap,
	.fault = faulty_killed_fault,
};
