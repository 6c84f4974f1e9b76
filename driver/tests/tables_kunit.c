// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_kunit: what goes with what, and what methods say of themselves. A
 * method that is new to the driver fails here until it has its row.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/string.h>

#include "memphys_kunit.h"

/* From the reasons; NULL for what is not refused. */
#define SCATTERED	"vmalloc scatters"
#define FOREIGN		"not the driver's"
#define SLAB		"slab counts none"
#define NO_AREA		"an area of vmalloc"
#define NOBODY		"nobody allocates"
#define EARLY		"before a mapping may allocate"

#define PER_BACKING(phys, kmalloc, pages, vmalloc)	\
	{						\
		[MEMPHYS_BACKING_PHYS] = phys,		\
		[MEMPHYS_BACKING_KMALLOC] = kmalloc,	\
		[MEMPHYS_BACKING_PAGES] = pages,	\
		[MEMPHYS_BACKING_VMALLOC] = vmalloc,	\
	}

const struct method_case memphys_kunit_methods[] = {
	{
		.name = "remap",
		.backing = PER_BACKING(NULL, NULL, NULL, SCATTERED),
		.mapping = PER_BACKING(NOBODY, EARLY, EARLY, EARLY),
		.flags = MEMPHYS_METHOD_FLAG_EAGER |
			 MEMPHYS_METHOD_FLAG_COW_LINEAR,
	},
	{
		.name = "fault",
		.backing = PER_BACKING(NULL, NULL, NULL, NULL),
		.mapping = PER_BACKING(NOBODY, NULL, NULL, NULL),
		.lazy_pfns = true,
	},
	{
		.name = "fault-page",
		.backing = PER_BACKING(FOREIGN, SLAB, NULL, NULL),
		.mapping = PER_BACKING(NOBODY, NULL, NULL, NULL),
		.flags = MEMPHYS_METHOD_FLAG_PAGE | MEMPHYS_METHOD_FLAG_GUP,
	},
	{
		.name = "insert",
		.backing = PER_BACKING(FOREIGN, SLAB, NULL, NULL),
		.mapping = PER_BACKING(NOBODY, NULL, NULL, NULL),
		.flags = MEMPHYS_METHOD_FLAG_EAGER | MEMPHYS_METHOD_FLAG_PAGE |
			 MEMPHYS_METHOD_FLAG_GUP,
	},
	{
		.name = "insert-batch",
		.backing = PER_BACKING(FOREIGN, SLAB, NULL, NULL),
		.mapping = PER_BACKING(NOBODY, EARLY, EARLY, EARLY),
		.flags = MEMPHYS_METHOD_FLAG_EAGER | MEMPHYS_METHOD_FLAG_PAGE |
			 MEMPHYS_METHOD_FLAG_GUP,
	},
	{
		.name = "vmalloc",
		.backing = PER_BACKING(NO_AREA, NO_AREA, NO_AREA, NULL),
		.mapping = PER_BACKING(NOBODY, NULL, NULL, NULL),
		.flags = MEMPHYS_METHOD_FLAG_EAGER | MEMPHYS_METHOD_FLAG_PAGE |
			 MEMPHYS_METHOD_FLAG_GUP,
	},
	{
		.name = "prefault",
		.backing = PER_BACKING(NULL, NULL, NULL, NULL),
		.mapping = PER_BACKING(NOBODY, NULL, NULL, NULL),
		.flags = MEMPHYS_METHOD_FLAG_AROUND,
		.lazy_pfns = true,
	},
	{
		.name = "huge",
		.backing = PER_BACKING(NULL, NULL, NULL, SCATTERED),
		.mapping = PER_BACKING(NOBODY, NULL, NULL, NULL),
		.flags = MEMPHYS_METHOD_FLAG_HUGE,
		.lazy_pfns = true,
	},
};

const size_t memphys_kunit_nmethods = ARRAY_SIZE(memphys_kunit_methods);

static void method_describe(const struct method_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(method, memphys_kunit_methods, method_describe);

static void expect_reason(struct kunit *test, const char *due,
			  const char *reason, u32 backing)
{
	if (!due) {
		KUNIT_EXPECT_TRUE_MSG(test, !reason, "backing %u: %s", backing,
				      reason);
		return;
	}

	KUNIT_EXPECT_TRUE_MSG(test, reason, "backing %u: not refused", backing);
	if (!reason)
		return;

	KUNIT_EXPECT_TRUE_MSG(test, strstr(reason, due),
			      "backing %u: %s", backing, reason);
}

static void method_backings_test(struct kunit *test)
{
	const struct method_case *c = test->param_value;
	const struct memphys_method *method = memphys_kunit_method(c->name);
	u32 backing;

	KUNIT_ASSERT_TRUE(test, method);
	for (backing = 0; backing < BACKINGS; backing++)
		expect_reason(test, c->backing[backing],
			      memphys_refuses_backing(method, backing),
			      backing);
}

static void method_lifetimes_test(struct kunit *test)
{
	const struct method_case *c = test->param_value;
	const struct memphys_method *method = memphys_kunit_method(c->name);
	u32 backing;

	KUNIT_ASSERT_TRUE(test, method);
	for (backing = 0; backing < BACKINGS; backing++) {
		const char *reason;

		reason = memphys_refuses_lifetime(method, backing,
						  MEMPHYS_LIFETIME_REGION);
		expect_reason(test, NULL, reason, backing);

		reason = memphys_refuses_lifetime(method, backing,
						  MEMPHYS_LIFETIME_MAPPING);
		expect_reason(test, c->mapping[backing], reason, backing);
	}
}

/* What a method says of itself is what its table can do. */
static void method_flags_test(struct kunit *test)
{
	const struct method_case *c = test->param_value;
	const struct memphys_method *method = memphys_kunit_method(c->name);
	bool eager = c->flags & MEMPHYS_METHOD_FLAG_EAGER;
	bool page = c->flags & MEMPHYS_METHOD_FLAG_PAGE;

	KUNIT_ASSERT_TRUE(test, method);
	KUNIT_EXPECT_EQ(test, c->flags, method->flags);

	KUNIT_EXPECT_EQ(test, eager, !method->fault);
	KUNIT_EXPECT_EQ(test, page, !!(method->needs & MEMPHYS_NEED_PAGES));
	KUNIT_EXPECT_EQ(test, page, !!(c->flags & MEMPHYS_METHOD_FLAG_GUP));
	KUNIT_EXPECT_EQ(test, !!(c->flags & MEMPHYS_METHOD_FLAG_HUGE),
			!!method->huge_fault);

	if (c->flags & MEMPHYS_METHOD_FLAG_COW_LINEAR) {
		KUNIT_EXPECT_TRUE(test, eager);
		KUNIT_EXPECT_FALSE(test, page);
	}
	if (c->flags & MEMPHYS_METHOD_FLAG_AROUND)
		KUNIT_EXPECT_TRUE(test, method->fault);
	/* One entry for many pages, or a linear order: no gaps. */
	if (c->flags & (MEMPHYS_METHOD_FLAG_HUGE |
			MEMPHYS_METHOD_FLAG_COW_LINEAR))
		KUNIT_EXPECT_TRUE(test,
				  method->needs & MEMPHYS_NEED_CONTIGUOUS);
	if (method->populate)
		KUNIT_EXPECT_TRUE(test, eager);
}

static int has_a_case(const struct memphys_method *method, void *data)
{
	struct kunit *test = data;
	size_t i;

	if (strcmp(module_name(method->owner), "memphys"))
		return 0;

	for (i = 0; i < memphys_kunit_nmethods; i++)
		if (!strcmp(memphys_kunit_methods[i].name, method->name))
			return 0;

	KUNIT_FAIL(test, "method %s has no row in the tables", method->name);
	return 0;
}

static void every_method_has_a_case_test(struct kunit *test)
{
	mutex_lock(&memphys_lock);
	memphys_visit_methods(has_a_case, 0, test);
	mutex_unlock(&memphys_lock);
}

static struct kunit_case tables_cases[] = {
	KUNIT_CASE_PARAM(method_backings_test, method_gen_params),
	KUNIT_CASE_PARAM(method_lifetimes_test, method_gen_params),
	KUNIT_CASE_PARAM(method_flags_test, method_gen_params),
	KUNIT_CASE(every_method_has_a_case_test),
	{}
};

struct kunit_suite memphys_tables_suite = {
	.name = "memphys_tables",
	.test_cases = tables_cases,
};
