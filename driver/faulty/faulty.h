/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys_faulty: what the files of wrong methods share.
 */
#ifndef MEMPHYS_FAULTY_H
#define MEMPHYS_FAULTY_H

#include "../memphys.h"

/* main.c: the VMA flags of right lazy methods, of PFNs and of pages. */
int faulty_lazy_mmap(struct vm_area_desc *desc,
		     const struct memphys_memory *memory, unsigned long index);
int faulty_page_mmap(struct vm_area_desc *desc,
		     const struct memphys_memory *memory, unsigned long index);
bool faulty_is_ours(const struct memphys_memory *memory, unsigned long pfn);

/* contents.c: answers in time, with wrong memory, rights or flags. */
extern const struct memphys_method faulty_freed_method;
extern const struct memphys_method faulty_page_io_method;
extern const struct memphys_method faulty_swapped_method;
extern const struct memphys_method faulty_shared_prot_method;

/* crash.c: hurts the kernel. */
extern const struct memphys_method faulty_oops_method;
extern const struct memphys_method faulty_warn_method;

/* loop.c: faults for ever. */
extern const struct memphys_method faulty_original_method;
extern const struct memphys_method faulty_nopage_method;
extern const struct memphys_method faulty_retry_method;

/* race.c: right as long as nobody else faults. */
extern const struct memphys_method faulty_busy_method;
extern const struct memphys_method faulty_unlocked_method;

/* sleep.c: never comes back. */
extern const struct memphys_method faulty_sleep_method;
extern const struct memphys_method faulty_stuck_method;

#endif /* MEMPHYS_FAULTY_H */
