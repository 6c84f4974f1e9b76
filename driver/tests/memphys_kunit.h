/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys_kunit: what the files of tests share.
 */
#ifndef MEMPHYS_KUNIT_H
#define MEMPHYS_KUNIT_H

#include "../memphys.h"

struct kunit_suite;

#define BACKINGS	(MEMPHYS_BACKING_VMALLOC + 1)

/* Names of 30 and of 31 bytes; none may be longer. */
#define LETTERS_30	"abcdefghijklmnopqrstuvwxyz0123"
#define LETTERS_31	LETTERS_30 "4"

/**
 * struct method_case - what is right for a method
 * @name: of the method
 * @backing: by backing, part of the reason to refuse it; NULL if it is taken
 * @mapping: the same, for memory that lives with a mapping
 * @flags: set of enum memphys_method_flag
 * @lazy_pfns: it maps PFNs when they are touched
 */
struct method_case {
	const char *name;
	const char *backing[BACKINGS];
	const char *mapping[BACKINGS];
	u32 flags;
	bool lazy_pfns;
};

/* access_kunit.c: who may touch what. */
extern struct kunit_suite memphys_access_suite;

/* arena_kunit.c: which pages are the driver's. */
extern struct kunit_suite memphys_arena_suite;

/* flags_kunit.c: the VMA flags of lazy methods. */
extern struct kunit_suite memphys_flags_suite;

/* memory_kunit.c: who allocates. */
extern struct kunit_suite memphys_memory_suite;

/* memphys_kunit.c: registers the suites. */
const struct memphys_method *memphys_kunit_method(const char *name);

/* registry_kunit.c: methods of other modules. */
extern struct kunit_suite memphys_registry_suite;

/* tables_kunit.c: a row for each method of the driver. */
extern const struct method_case memphys_kunit_methods[];
extern const size_t memphys_kunit_nmethods;
extern struct kunit_suite memphys_tables_suite;

#endif /* MEMPHYS_KUNIT_H */
