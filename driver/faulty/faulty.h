/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys_faulty: what the files of wrong methods share.
 */
#ifndef MEMPHYS_FAULTY_H
#define MEMPHYS_FAULTY_H

#include "../memphys.h"

/* main.c: what right lazy methods do, of PFNs and of pages. */
int faulty_lazy_mmap(struct vm_area_desc *desc,
		     const struct memphys_memory *memory, unsigned long index);
int faulty_page_mmap(struct vm_area_desc *desc,
		     const struct memphys_memory *memory, unsigned long index);
bool faulty_is_ours(const struct memphys_memory *memory, unsigned long pfn);
vm_fault_t faulty_insert_pfn(struct vm_fault *vmf, unsigned long pfn);
vm_fault_t faulty_lazy_fault(struct vm_fault *vmf,
			     const struct memphys_memory *memory,
			     unsigned long index);
vm_fault_t faulty_page_fault(struct vm_fault *vmf,
			     const struct memphys_memory *memory,
			     unsigned long index);

/* contents.c: answers in time, with wrong memory. */
extern const struct memphys_method faulty_freed_method;
extern const struct memphys_method faulty_hole_method;
extern const struct memphys_method faulty_relative_method;
extern const struct memphys_method faulty_swapped_method;
extern const struct memphys_method faulty_uncached_method;
extern const struct memphys_method faulty_virt_method;

/* crash.c: hurts the kernel, or its users. */
extern const struct memphys_method faulty_killed_method;
extern const struct memphys_method faulty_noisy_method;
extern const struct memphys_method faulty_oops_method;
extern const struct memphys_method faulty_panic_method;
extern const struct memphys_method faulty_reset_method;
extern const struct memphys_method faulty_warn_method;

/* huge.c: entries that do not fit. */
extern const struct memphys_method faulty_broad_method;
extern const struct memphys_method faulty_crooked_method;

/* life.c: keeps no count of pages. */
extern const struct memphys_method faulty_get_twice_method;
extern const struct memphys_method faulty_marked_method;
extern const struct memphys_method faulty_no_get_method;

/* loop.c: faults for ever. */
extern const struct memphys_method faulty_nopage_method;
extern const struct memphys_method faulty_oom_method;
extern const struct memphys_method faulty_original_method;
extern const struct memphys_method faulty_retry_method;
extern const struct memphys_method faulty_retry_page_method;

/* protocol.c: says the wrong thing, or makes the PTE by the wrong call. */
extern const struct memphys_method faulty_completed_method;
extern const struct memphys_method faulty_cow_method;
extern const struct memphys_method faulty_errno_method;
extern const struct memphys_method faulty_late_flags_method;
extern const struct memphys_method faulty_lock_kept_method;
extern const struct memphys_method faulty_locked_method;
extern const struct memphys_method faulty_not_locked_method;
extern const struct memphys_method faulty_remap_late_method;
extern const struct memphys_method faulty_unmarked_method;
extern const struct memphys_method faulty_unmixed_method;
extern const struct memphys_method faulty_zero_method;

/* race.c: right as long as nobody else faults, or waits. */
extern const struct memphys_method faulty_busy_method;
extern const struct memphys_method faulty_relock_method;
extern const struct memphys_method faulty_unlocked_method;

/* rights.c: wrong rights or flags. */
extern const struct memphys_method faulty_dumped_method;
extern const struct memphys_method faulty_growing_method;
extern const struct memphys_method faulty_lazy_prot_method;
extern const struct memphys_method faulty_maywrite_method;
extern const struct memphys_method faulty_no_io_method;
extern const struct memphys_method faulty_page_io_method;
extern const struct memphys_method faulty_shared_prot_method;
extern const struct memphys_method faulty_uncounted_method;

/* sleep.c: never comes back. */
extern const struct memphys_method faulty_deaf_method;
extern const struct memphys_method faulty_sleep_method;
extern const struct memphys_method faulty_spin_method;
extern const struct memphys_method faulty_stuck_method;

#endif /* MEMPHYS_FAULTY_H */
