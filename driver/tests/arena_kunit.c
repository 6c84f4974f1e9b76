// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_kunit: which pages are the driver's own, edge by edge.
 */
#include <kunit/test.h>
#include <linux/io.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "memphys_kunit.h"

/* An arena that nobody looks into. */
#define FIRST	0x1000UL

struct owns_case {
	const char *what;
	unsigned long npages; /* 0: there is none */
	unsigned long pfn;
	bool due;
};

static const struct owns_case owns_cases[] = {
	{ "the first page of none", 0, 0, false },
	{ "any page of none", 0, FIRST, false },
	{ "the first page", 3, FIRST, true },
	{ "a page in the middle", 3, FIRST + 1, true },
	{ "the last page", 3, FIRST + 2, true },
	{ "one past the last", 3, FIRST + 3, false },
	{ "one before the first", 3, FIRST - 1, false },
	{ "the first page of memory", 3, 0, false },
	{ "the last number there is", 3, ULONG_MAX, false },
	{ "the only page", 1, FIRST, true },
	{ "one past the only page", 1, FIRST + 1, false },
};

static void owns_describe(const struct owns_case *c, char *desc)
{
	strscpy(desc, c->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(owns, owns_cases, owns_describe);

static void arena_owns_test(struct kunit *test)
{
	const struct owns_case *c = test->param_value;

	memphys_arena.start = c->npages ? phys_to_virt(PFN_PHYS(FIRST)) : NULL;
	memphys_arena.bytes = c->npages << PAGE_SHIFT;

	KUNIT_EXPECT_EQ(test, c->due, memphys_arena_owns(c->pfn));
}

static struct memphys_arena arena_before;

static int arena_init(struct kunit *test)
{
	arena_before = memphys_arena;
	return 0;
}

static void arena_exit(struct kunit *test)
{
	memphys_arena = arena_before;
}

static struct kunit_case arena_cases[] = {
	KUNIT_CASE_PARAM(arena_owns_test, owns_gen_params),
	{}
};

struct kunit_suite memphys_arena_suite = {
	.name = "memphys_arena",
	.test_cases = arena_cases,
	.init = arena_init,
	.exit = arena_exit,
};
