// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_kunit: who allocates, which PFN is where, and the limit of it all.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "memphys_kunit.h"

struct backing_case {
	const char *what;
	u32 backing;
	u32 has;
};

static const struct backing_case backing_cases[] = {
	{ "kmalloc", MEMPHYS_BACKING_KMALLOC, MEMPHYS_NEED_CONTIGUOUS },
	{ "pages", MEMPHYS_BACKING_PAGES,
	  MEMPHYS_NEED_CONTIGUOUS | MEMPHYS_NEED_PAGES },
	{ "vmalloc", MEMPHYS_BACKING_VMALLOC,
	  MEMPHYS_NEED_PAGES | MEMPHYS_NEED_VMALLOC },
};

static void backing_describe(const struct backing_case *c, char *desc)
{
	strscpy(desc, c->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(backing, backing_cases, backing_describe);

static void expect_page(struct kunit *test, const struct memphys_memory *memory,
			unsigned long index)
{
	void *addr = memory->addr + (index << PAGE_SHIFT);
	struct page *page;

	page = is_vmalloc_addr(addr) ? vmalloc_to_page(addr) :
				       virt_to_page(addr);
	KUNIT_EXPECT_EQ(test, page_to_pfn(page),
			memphys_memory_pfn(memory, index));
	if (memory->pages)
		KUNIT_EXPECT_TRUE(test, memory->pages[index] == page);
	KUNIT_EXPECT_TRUE_MSG(test, !memchr_inv(addr, 0, PAGE_SIZE),
			      "page %lu is not zeroed", index);
}

static void backing_alloc_test(struct kunit *test)
{
	const struct backing_case *c = test->param_value;
	const struct memphys_backing_ops *ops = &memphys_backings[c->backing];
	struct memphys_memory memory = { .backing = ops, .npages = 5 };
	unsigned long i;

	KUNIT_EXPECT_EQ(test, c->has, ops->has);
	KUNIT_ASSERT_TRUE(test, ops->alloc);
	KUNIT_ASSERT_TRUE(test, ops->free);
	KUNIT_ASSERT_EQ(test, 0, ops->alloc(&memory));

	/* Who takes references looks for struct pages here. */
	KUNIT_EXPECT_EQ(test, !!(c->has & MEMPHYS_NEED_PAGES), !!memory.pages);
	for (i = 0; i < memory.npages; i++)
		expect_page(test, &memory, i);

	ops->free(&memory);
}

static void nobody_allocates_phys_test(struct kunit *test)
{
	const struct memphys_backing_ops *ops;

	ops = &memphys_backings[MEMPHYS_BACKING_PHYS];
	KUNIT_EXPECT_EQ(test, MEMPHYS_NEED_CONTIGUOUS, ops->has);
	KUNIT_EXPECT_TRUE(test, !ops->alloc);
	KUNIT_EXPECT_TRUE(test, !ops->free);
}

static void contiguous_pfn_test(struct kunit *test)
{
	const struct memphys_backing_ops ops = {
		.has = MEMPHYS_NEED_CONTIGUOUS,
	};
	const struct memphys_memory memory = {
		.backing = &ops,
		.npages = ULONG_MAX,
		.base = 0x1234,
	};

	KUNIT_EXPECT_EQ(test, 0x1234UL, memphys_memory_pfn(&memory, 0));
	KUNIT_EXPECT_EQ(test, 0x1235UL, memphys_memory_pfn(&memory, 1));
	KUNIT_EXPECT_EQ(test, 0x101234UL,
			memphys_memory_pfn(&memory, 0x100000));
}

/* Whatever is in base, which scattered memory does not have. */
static void scattered_pfn_test(struct kunit *test)
{
	const struct memphys_backing_ops ops = { .has = MEMPHYS_NEED_PAGES };
	unsigned long zero = page_to_pfn(ZERO_PAGE(0));
	struct page *pages[] = {
		pfn_to_page(zero + 1), pfn_to_page(zero), pfn_to_page(zero + 1)
	};
	const struct memphys_memory memory = {
		.backing = &ops,
		.npages = ARRAY_SIZE(pages),
		.base = 0x1234,
		.pages = pages,
	};

	KUNIT_EXPECT_EQ(test, zero + 1, memphys_memory_pfn(&memory, 0));
	KUNIT_EXPECT_EQ(test, zero, memphys_memory_pfn(&memory, 1));
	KUNIT_EXPECT_EQ(test, zero + 1, memphys_memory_pfn(&memory, 2));
}

static void charge_test(struct kunit *test)
{
	memphys_max_bytes = 10 * PAGE_SIZE;

	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(11));
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(ULONG_MAX));
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(LONG_MAX));
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes((ULONG_MAX >> 1) + 1));

	/* Nothing of that was counted. */
	KUNIT_ASSERT_TRUE(test, memphys_charge_bytes(10));
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(1));
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(10));
	KUNIT_EXPECT_TRUE(test, memphys_charge_bytes(0));
	memphys_uncharge_bytes(10);
}

static void charge_adds_up_test(struct kunit *test)
{
	memphys_max_bytes = 10 * PAGE_SIZE;

	KUNIT_ASSERT_TRUE(test, memphys_charge_bytes(4));
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(7));
	KUNIT_EXPECT_TRUE(test, memphys_charge_bytes(6));
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(1));
	memphys_uncharge_bytes(4);
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(5));
	KUNIT_EXPECT_TRUE(test, memphys_charge_bytes(4));
	memphys_uncharge_bytes(4);
	memphys_uncharge_bytes(6);
}

static void charge_by_the_page_test(struct kunit *test)
{
	memphys_max_bytes = PAGE_SIZE - 1;
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(1));

	memphys_max_bytes = 2 * PAGE_SIZE - 1;
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(2));
	KUNIT_EXPECT_TRUE(test, memphys_charge_bytes(1));
	memphys_uncharge_bytes(1);
}

static void charge_nothing_or_all_test(struct kunit *test)
{
	memphys_max_bytes = 0;
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(1));
	KUNIT_EXPECT_TRUE(test, memphys_charge_bytes(0));

	memphys_max_bytes = ULONG_MAX;
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(ULONG_MAX));
	KUNIT_ASSERT_TRUE(test, memphys_charge_bytes(ULONG_MAX >> PAGE_SHIFT));
	KUNIT_EXPECT_FALSE(test, memphys_charge_bytes(1));
	memphys_uncharge_bytes(ULONG_MAX >> PAGE_SHIFT);
}

static unsigned long max_bytes_before;

static int memory_init(struct kunit *test)
{
	max_bytes_before = memphys_max_bytes;
	return 0;
}

static void memory_exit(struct kunit *test)
{
	memphys_max_bytes = max_bytes_before;
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE_PARAM(backing_alloc_test, backing_gen_params),
	KUNIT_CASE(nobody_allocates_phys_test),
	KUNIT_CASE(contiguous_pfn_test),
	KUNIT_CASE(scattered_pfn_test),
	KUNIT_CASE(charge_test),
	KUNIT_CASE(charge_adds_up_test),
	KUNIT_CASE(charge_by_the_page_test),
	KUNIT_CASE(charge_nothing_or_all_test),
	{}
};

struct kunit_suite memphys_memory_suite = {
	.name = "memphys_memory",
	.test_cases = memory_cases,
	.init = memory_init,
	.exit = memory_exit,
};
