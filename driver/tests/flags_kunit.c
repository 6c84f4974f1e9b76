// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_kunit: the VMA flags that lazy methods ask for; above all, what
 * copies on write.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "memphys_kunit.h"

struct mapping_case {
	const char *what;
	bool shared;
	bool write;
	bool maywrite;
	bool copies; /* on write */
};

static const struct mapping_case mapping_cases[] = {
	{ "shared, read-only for ever", true, false, false, false },
	{ "shared, read-only for now", true, false, true, false },
	{ "shared, writable", true, true, true, false },
	{ "private, read-only for ever", false, false, false, false },
	{ "private, read-only for now", false, false, true, true },
	{ "private, writable", false, true, true, true },
};

static void mapping_describe(const struct mapping_case *c, char *desc)
{
	strscpy(desc, c->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(mapping, mapping_cases, mapping_describe);

static void mapping_init(struct vm_area_desc *desc,
			 const struct mapping_case *c)
{
	vma_desc_set_flags(desc, VMA_READ_BIT, VMA_MAYREAD_BIT);
	if (c->shared)
		vma_desc_set_flags(desc, VMA_SHARED_BIT, VMA_MAYSHARE_BIT);
	if (c->write)
		vma_desc_set_flags(desc, VMA_WRITE_BIT);
	if (c->maywrite)
		vma_desc_set_flags(desc, VMA_MAYWRITE_BIT);
}

/* What mm has said of the mapping has to stay. */
static void expect_untouched(struct kunit *test,
			     const struct vm_area_desc *desc,
			     const struct mapping_case *c)
{
	KUNIT_EXPECT_TRUE(test, vma_desc_test(desc, VMA_READ_BIT));
	KUNIT_EXPECT_TRUE(test, vma_desc_test(desc, VMA_MAYREAD_BIT));
	KUNIT_EXPECT_EQ(test, c->shared, vma_desc_test(desc, VMA_SHARED_BIT));
	KUNIT_EXPECT_EQ(test, c->shared,
			vma_desc_test(desc, VMA_MAYSHARE_BIT));
	KUNIT_EXPECT_EQ(test, c->write, vma_desc_test(desc, VMA_WRITE_BIT));
	KUNIT_EXPECT_EQ(test, c->maywrite,
			vma_desc_test(desc, VMA_MAYWRITE_BIT));
}

static void expect_pfn_flags(struct kunit *test,
			     const struct vm_area_desc *desc,
			     const struct mapping_case *c)
{
	KUNIT_EXPECT_EQ(test, c->copies,
			vma_desc_test(desc, VMA_MIXEDMAP_BIT));
	KUNIT_EXPECT_EQ(test, !c->copies, vma_desc_test(desc, VMA_PFNMAP_BIT));
	KUNIT_EXPECT_TRUE(test, vma_desc_test(desc, VMA_IO_BIT));
	KUNIT_EXPECT_TRUE(test, vma_desc_test(desc, VMA_DONTEXPAND_BIT));
	KUNIT_EXPECT_TRUE(test, vma_desc_test(desc, VMA_DONTDUMP_BIT));
	expect_untouched(test, desc, c);
}

static void pfn_flags_test(struct kunit *test)
{
	const struct mapping_case *c = test->param_value;
	struct vm_area_desc desc = {};

	mapping_init(&desc, c);
	KUNIT_EXPECT_EQ(test, c->copies, vma_desc_is_cow_mapping(&desc));
	KUNIT_EXPECT_EQ(test, 0, memphys_pfn_flags(&desc));
	expect_pfn_flags(test, &desc, c);
}

/* Nothing of it depends on the memory, which may come with the mapping. */
static void lazy_pfns_test(struct kunit *test)
{
	const struct mapping_case *c = test->param_value;
	size_t i;

	for (i = 0; i < memphys_kunit_nmethods; i++) {
		const struct memphys_method *method;
		struct vm_area_desc desc = {};

		if (!memphys_kunit_methods[i].lazy_pfns)
			continue;

		method = memphys_kunit_method(memphys_kunit_methods[i].name);
		KUNIT_ASSERT_TRUE(test, method);
		mapping_init(&desc, c);
		KUNIT_EXPECT_EQ(test, 0, method->mmap(&desc, NULL, 0));
		expect_pfn_flags(test, &desc, c);
	}
}

/* Pages of the driver's own: mm can find them, so no PFNMAP, and no IO. */
static void lazy_pages_test(struct kunit *test)
{
	const struct memphys_method *method = memphys_kunit_method("fault-page");
	const struct mapping_case *c = test->param_value;
	struct vm_area_desc desc = {};

	KUNIT_ASSERT_TRUE(test, method);
	mapping_init(&desc, c);
	KUNIT_EXPECT_EQ(test, 0, method->mmap(&desc, NULL, 0));
	KUNIT_EXPECT_FALSE(test, vma_desc_test(&desc, VMA_MIXEDMAP_BIT));
	KUNIT_EXPECT_FALSE(test, vma_desc_test(&desc, VMA_PFNMAP_BIT));
	KUNIT_EXPECT_FALSE(test, vma_desc_test(&desc, VMA_IO_BIT));
	KUNIT_EXPECT_TRUE(test, vma_desc_test(&desc, VMA_DONTEXPAND_BIT));
	KUNIT_EXPECT_TRUE(test, vma_desc_test(&desc, VMA_DONTDUMP_BIT));
	expect_untouched(test, &desc, c);
}

static struct kunit_case flags_cases[] = {
	KUNIT_CASE_PARAM(pfn_flags_test, mapping_gen_params),
	KUNIT_CASE_PARAM(lazy_pfns_test, mapping_gen_params),
	KUNIT_CASE_PARAM(lazy_pages_test, mapping_gen_params),
	{}
};

struct kunit_suite memphys_flags_suite = {
	.name = "memphys_flags",
	.test_cases = flags_cases,
};
