// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_kunit: tests of what the driver decides, without mapping anything.
 *
 * What is right is spelled out here once more, pair by pair and edge by edge,
 * and not worked out: a test that computes repeats the mistake. A method that
 * is new to the driver fails the tests until it has its row in every table.
 *
 * To be loaded while no region exists that allocates; it takes the limit of
 * such memory for its own use.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "memphys.h"

/* ------------------------------------------------------------------ ranges */

struct pages_case {
	const char *what;
	u64 first;
	u64 count;
	u64 limit;
	int due;
};

static const struct pages_case pages_cases[] = {
	{ "nothing of nothing", 0, 0, 0, -EINVAL },
	{ "one of nothing", 0, 1, 0, -EINVAL },
	{ "nothing of one", 0, 0, 1, -EINVAL },
	{ "all of one", 0, 1, 1, 0 },
	{ "two of one", 0, 2, 1, -EINVAL },
	{ "past one", 1, 1, 1, -EINVAL },
	{ "nothing past one", 1, 0, 1, -EINVAL },
	{ "all of many", 0, 8, 8, 0 },
	{ "one more than many", 0, 9, 8, -EINVAL },
	{ "the first", 0, 1, 8, 0 },
	{ "the last", 7, 1, 8, 0 },
	{ "the last and one more", 7, 2, 8, -EINVAL },
	{ "nothing at the last", 7, 0, 8, -EINVAL },
	{ "at the end", 8, 1, 8, -EINVAL },
	{ "past the end", 9, 1, 8, -EINVAL },
	{ "all but the first", 1, 7, 8, 0 },
	{ "as many, from the second on", 1, 8, 8, -EINVAL },
	{ "sum wraps to 0", 2, U64_MAX - 1, 8, -EINVAL },
	{ "sum wraps to 1", 2, U64_MAX, 8, -EINVAL },
	{ "sum wraps to the end", 9, U64_MAX, 8, -EINVAL },
	{ "first is negative", U64_MAX, 1, 8, -EINVAL },
	{ "first is negative, sum inside", U64_MAX, 2, 8, -EINVAL },
	{ "all of everything", 0, U64_MAX, U64_MAX, 0 },
	{ "the last of everything", U64_MAX - 1, 1, U64_MAX, 0 },
	{ "past everything", U64_MAX, 1, U64_MAX, -EINVAL },
	{ "as many as everything, from 1 on", 1, U64_MAX, U64_MAX, -EINVAL },
	{ "all ones", U64_MAX, U64_MAX, U64_MAX, -EINVAL },
};

static void pages_describe(const struct pages_case *c, char *desc)
{
	strscpy(desc, c->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(pages, pages_cases, pages_describe);

static void check_pages_test(struct kunit *test)
{
	const struct pages_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, c->due,
			memphys_check_pages(c->first, c->count, c->limit));
}

struct bytes_case {
	const char *what;
	loff_t pos;
	size_t count;
	u64 limit; /* in pages */
	int due;
};

static const struct bytes_case bytes_cases[] = {
	{ "nothing of nothing", 0, 0, 0, -EINVAL },
	{ "one of nothing", 0, 1, 0, -EINVAL },
	{ "nothing of a page", 0, 0, 1, -EINVAL },
	{ "the first byte", 0, 1, 1, 0 },
	{ "a page", 0, PAGE_SIZE, 1, 0 },
	{ "a page and a byte", 0, PAGE_SIZE + 1, 1, -EINVAL },
	{ "the last byte", PAGE_SIZE - 1, 1, 1, 0 },
	{ "the last byte and one more", PAGE_SIZE - 1, 2, 1, -EINVAL },
	{ "nothing at the last byte", PAGE_SIZE - 1, 0, 1, -EINVAL },
	{ "at the end", PAGE_SIZE, 1, 1, -EINVAL },
	{ "nothing at the end", PAGE_SIZE, 0, 1, -EINVAL },
	{ "past the end", PAGE_SIZE + 1, 1, 1, -EINVAL },
	{ "two bytes of two pages", PAGE_SIZE - 1, 2, 2, 0 },
	{ "a page of two", 1, PAGE_SIZE, 2, 0 },
	{ "a page of two, one is there", 1, PAGE_SIZE, 1, -EINVAL },
	{ "all but a byte of two pages", 1, 2 * PAGE_SIZE - 1, 2, 0 },
	{ "two pages, off by one", 1, 2 * PAGE_SIZE, 2, -EINVAL },
	{ "straddles three pages", PAGE_SIZE - 1, PAGE_SIZE + 2, 3, 0 },
	{ "straddles three, two are there", PAGE_SIZE - 1, PAGE_SIZE + 2, 2,
	  -EINVAL },
	{ "before the beginning", -1, 1, 8, -EINVAL },
	{ "from before the beginning", -1, 2, 8, -EINVAL },
	{ "a page before the beginning", -(loff_t)PAGE_SIZE, 1, 8, -EINVAL },
	{ "the most negative", LLONG_MIN, 1, U64_MAX, -EINVAL },
	{ "the most negative, and all", LLONG_MIN, SIZE_MAX, U64_MAX,
	  -EINVAL },
	{ "the last offset that there is", LLONG_MAX, 1, U64_MAX, 0 },
	{ "past the last offset", LLONG_MAX, 2, U64_MAX, -EINVAL },
	{ "up to the last offset", LLONG_MAX - 1, 2, U64_MAX, 0 },
	{ "through the last offset", LLONG_MAX - 1, 3, U64_MAX, -EINVAL },
	{ "the last offset, far out", LLONG_MAX, 1, 8, -EINVAL },
	{ "the last offset, all bytes", LLONG_MAX, SIZE_MAX, U64_MAX,
	  -EINVAL },
	{ "sum wraps to 0", 1, SIZE_MAX, 8, -EINVAL },
	{ "sum wraps to a byte inside", 9, SIZE_MAX, 8, -EINVAL },
	{ "everything", 0, SIZE_MAX, 8, -EINVAL },
};

static void bytes_describe(const struct bytes_case *c, char *desc)
{
	strscpy(desc, c->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bytes, bytes_cases, bytes_describe);

static void check_bytes_test(struct kunit *test)
{
	const struct bytes_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, c->due,
			memphys_check_bytes(c->pos, c->count, c->limit));
}

/* ------------------------------------------------------------------- names */

#define LETTERS_30	"abcdefghijklmnopqrstuvwxyz0123"
#define LETTERS_31	LETTERS_30 "4"

struct name_case {
	const char *what;
	const char *name;
	int due;
};

static const struct name_case name_cases[] = {
	{ "empty", "", -EINVAL },
	{ "a NUL first", "\0a", -EINVAL },
	{ "ends at a NUL", "a\0/", 0 },
	{ "one letter", "a", 0 },
	{ "the last letter", "z", 0 },
	{ "one digit", "0", 0 },
	{ "the last digit", "9", 0 },
	{ "all digits", "0123456789", 0 },
	{ "dash and underscore", "a-b_c", 0 },
	{ "dash last", "a-", 0 },
	{ "underscore last", "a_", 0 },
	{ "30 characters", LETTERS_30, 0 },
	{ "31 characters", LETTERS_31, 0 },
	{ "31 characters, dash last", LETTERS_30 "-", 0 },
	{ "32 characters", LETTERS_31 "5", -EINVAL },
	{ "32 characters, dash last", LETTERS_31 "-", -EINVAL },
	{ "62 characters", LETTERS_31 LETTERS_31, -EINVAL },
	{ "31 characters, a bad one last", LETTERS_30 "/", -EINVAL },
	{ "a dot", ".", -EINVAL },
	{ "two dots", "..", -EINVAL },
	{ "a hidden file", ".a", -EINVAL },
	{ "a suffix", "a.b", -EINVAL },
	{ "a slash", "/", -EINVAL },
	{ "a folder", "a/", -EINVAL },
	{ "a path", "a/b", -EINVAL },
	{ "an absolute path", "/a", -EINVAL },
	{ "the way up", "../a", -EINVAL },
	{ "a newline last", "a\n", -EINVAL },
	{ "a blank last", "a ", -EINVAL },
	{ "a capital later", "aB", -EINVAL },
	{ "an escape later", "a\033", -EINVAL },
	{ "a conversion", "%s", -EINVAL },
	{ "a letter of two bytes", "\xc3\xa9", -EINVAL },
	{ "a letter of two bytes later", "a\xc3\xa9", -EINVAL },
};

static void name_describe(const struct name_case *c, char *desc)
{
	strscpy(desc, c->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(name, name_cases, name_describe);

static void check_name_test(struct kunit *test)
{
	const struct name_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, c->due, memphys_check_name(c->name));
}

#define FIRST_GOOD	"abcdefghijklmnopqrstuvwxyz0123456789"
#define LATER_GOOD	FIRST_GOOD "-_"

/* Every value of a byte but NUL, which ends the name. */
static void check_name_first_test(struct kunit *test)
{
	unsigned int byte;

	for (byte = 1; byte <= U8_MAX; byte++) {
		const char name[] = { byte, 'a', '\0' };

		KUNIT_EXPECT_EQ_MSG(test,
				    strchr(FIRST_GOOD, byte) ? 0 : -EINVAL,
				    memphys_check_name(name),
				    "first byte %#x", byte);
	}
}

static void check_name_later_test(struct kunit *test)
{
	unsigned int byte;

	for (byte = 1; byte <= U8_MAX; byte++) {
		const char name[] = { 'a', byte, '\0' };

		KUNIT_EXPECT_EQ_MSG(test,
				    strchr(LATER_GOOD, byte) ? 0 : -EINVAL,
				    memphys_check_name(name),
				    "second byte %#x", byte);
	}
}

static struct kunit_case access_cases[] = {
	KUNIT_CASE_PARAM(check_pages_test, pages_gen_params),
	KUNIT_CASE_PARAM(check_bytes_test, bytes_gen_params),
	KUNIT_CASE_PARAM(check_name_test, name_gen_params),
	KUNIT_CASE(check_name_first_test),
	KUNIT_CASE(check_name_later_test),
	{}
};

static struct kunit_suite access_suite = {
	.name = "memphys_access",
	.test_cases = access_cases,
};

/* ------------------------------------------------------------------ tables */

#define BACKINGS	(MEMPHYS_BACKING_VMALLOC + 1)

/* From the reasons; NULL for what is not refused. */
#define SCATTERED	"vmalloc scatters"
#define FOREIGN		"not the driver's"
#define SLAB		"slab counts none"
#define NO_AREA		"an area of vmalloc"
#define NOBODY		"nobody allocates"
#define EARLY		"before a mapping may allocate"

struct method_case {
	const char *name;
	const char *backing[BACKINGS];
	const char *mapping[BACKINGS]; /* memory that lives with a mapping */
	u32 flags;
	bool lazy_pfns;
};

static const struct method_case method_cases[] = {
	{
		.name = "remap",
		.backing = {
			[MEMPHYS_BACKING_PHYS] = NULL,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = SCATTERED,
		},
		.mapping = {
			[MEMPHYS_BACKING_PHYS] = NOBODY,
			[MEMPHYS_BACKING_KMALLOC] = EARLY,
			[MEMPHYS_BACKING_PAGES] = EARLY,
			[MEMPHYS_BACKING_VMALLOC] = EARLY,
		},
		.flags = MEMPHYS_METHOD_FLAG_EAGER |
			 MEMPHYS_METHOD_FLAG_COW_LINEAR,
	},
	{
		.name = "fault",
		.backing = {
			[MEMPHYS_BACKING_PHYS] = NULL,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.mapping = {
			[MEMPHYS_BACKING_PHYS] = NOBODY,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.lazy_pfns = true,
	},
	{
		.name = "fault-page",
		.backing = {
			[MEMPHYS_BACKING_PHYS] = FOREIGN,
			[MEMPHYS_BACKING_KMALLOC] = SLAB,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.mapping = {
			[MEMPHYS_BACKING_PHYS] = NOBODY,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.flags = MEMPHYS_METHOD_FLAG_PAGE | MEMPHYS_METHOD_FLAG_GUP,
	},
	{
		.name = "insert",
		.backing = {
			[MEMPHYS_BACKING_PHYS] = FOREIGN,
			[MEMPHYS_BACKING_KMALLOC] = SLAB,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.mapping = {
			[MEMPHYS_BACKING_PHYS] = NOBODY,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.flags = MEMPHYS_METHOD_FLAG_EAGER | MEMPHYS_METHOD_FLAG_PAGE |
			 MEMPHYS_METHOD_FLAG_GUP,
	},
	{
		.name = "insert-batch",
		.backing = {
			[MEMPHYS_BACKING_PHYS] = FOREIGN,
			[MEMPHYS_BACKING_KMALLOC] = SLAB,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.mapping = {
			[MEMPHYS_BACKING_PHYS] = NOBODY,
			[MEMPHYS_BACKING_KMALLOC] = EARLY,
			[MEMPHYS_BACKING_PAGES] = EARLY,
			[MEMPHYS_BACKING_VMALLOC] = EARLY,
		},
		.flags = MEMPHYS_METHOD_FLAG_EAGER | MEMPHYS_METHOD_FLAG_PAGE |
			 MEMPHYS_METHOD_FLAG_GUP,
	},
	{
		.name = "vmalloc",
		.backing = {
			[MEMPHYS_BACKING_PHYS] = NO_AREA,
			[MEMPHYS_BACKING_KMALLOC] = NO_AREA,
			[MEMPHYS_BACKING_PAGES] = NO_AREA,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.mapping = {
			[MEMPHYS_BACKING_PHYS] = NOBODY,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.flags = MEMPHYS_METHOD_FLAG_EAGER | MEMPHYS_METHOD_FLAG_PAGE |
			 MEMPHYS_METHOD_FLAG_GUP,
	},
	{
		.name = "prefault",
		.backing = {
			[MEMPHYS_BACKING_PHYS] = NULL,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.mapping = {
			[MEMPHYS_BACKING_PHYS] = NOBODY,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.flags = MEMPHYS_METHOD_FLAG_AROUND,
		.lazy_pfns = true,
	},
	{
		.name = "huge",
		.backing = {
			[MEMPHYS_BACKING_PHYS] = NULL,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = SCATTERED,
		},
		.mapping = {
			[MEMPHYS_BACKING_PHYS] = NOBODY,
			[MEMPHYS_BACKING_KMALLOC] = NULL,
			[MEMPHYS_BACKING_PAGES] = NULL,
			[MEMPHYS_BACKING_VMALLOC] = NULL,
		},
		.flags = MEMPHYS_METHOD_FLAG_HUGE,
		.lazy_pfns = true,
	},
};

static void method_describe(const struct method_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(method, method_cases, method_describe);

struct search {
	const char *name;
	const struct memphys_method *found;
};

static int search_visit(const struct memphys_method *method, void *data)
{
	struct search *search = data;

	if (strcmp(method->name, search->name))
		return 0;

	search->found = method;
	return 1;
}

/* A method that is registered, or NULL; a reference method stays. */
static const struct memphys_method *method_of(const char *name)
{
	struct search search = { .name = name };

	mutex_lock(&memphys_lock);
	memphys_visit_methods(search_visit, 0, &search);
	mutex_unlock(&memphys_lock);
	return search.found;
}

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
	const struct memphys_method *method = method_of(c->name);
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
	const struct memphys_method *method = method_of(c->name);
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
	const struct memphys_method *method = method_of(c->name);
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

	for (i = 0; i < ARRAY_SIZE(method_cases); i++)
		if (!strcmp(method_cases[i].name, method->name))
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

static struct kunit_suite tables_suite = {
	.name = "memphys_tables",
	.test_cases = tables_cases,
};

/* ---------------------------------------------------------------- registry */

static int stub_mmap(struct vm_area_desc *desc,
		     const struct memphys_memory *memory, unsigned long index)
{
	return -EINVAL;
}

static int stub_populate(struct vm_area_struct *vma,
			 const struct memphys_memory *memory,
			 unsigned long index)
{
	return -EINVAL;
}

static vm_fault_t stub_fault(struct vm_fault *vmf,
			     const struct memphys_memory *memory,
			     unsigned long index)
{
	return VM_FAULT_SIGBUS;
}

static vm_fault_t stub_huge_fault(struct vm_fault *vmf,
				  const struct memphys_memory *memory,
				  unsigned long index, unsigned int order)
{
	return VM_FAULT_FALLBACK;
}

static const struct memphys_method good_method = {
	.name = "kunit",
	.owner = THIS_MODULE,
	.mmap = stub_mmap,
};

static const struct memphys_method same_name_method = {
	.name = "kunit",
	.owner = THIS_MODULE,
	.populate = stub_populate,
};

static const struct memphys_method taken_name_method = {
	.name = "remap",
	.owner = THIS_MODULE,
	.mmap = stub_mmap,
};

struct refusal_case {
	const char *what;
	struct memphys_method method;
	int due;
};

static const struct refusal_case refusal_cases[] = {
	{ "mmap only", { .name = "kunit", .owner = THIS_MODULE,
			 .mmap = stub_mmap }, 0 },
	{ "populate only", { .name = "kunit", .owner = THIS_MODULE,
			     .populate = stub_populate }, 0 },
	{ "mmap and fault", { .name = "kunit", .owner = THIS_MODULE,
			      .mmap = stub_mmap, .fault = stub_fault }, 0 },
	{ "all faults", { .name = "kunit", .owner = THIS_MODULE,
			  .mmap = stub_mmap, .fault = stub_fault,
			  .huge_fault = stub_huge_fault }, 0 },
	{ "empty name", { .name = "", .owner = THIS_MODULE,
			  .mmap = stub_mmap }, -EINVAL },
	{ "path for a name", { .name = "../kunit", .owner = THIS_MODULE,
			       .mmap = stub_mmap }, -EINVAL },
	{ "name of 32 characters", { .name = LETTERS_31 "5",
				     .owner = THIS_MODULE,
				     .mmap = stub_mmap }, -EINVAL },
	{ "built in, no owner", { .name = "kunit", .mmap = stub_mmap }, 0 },
	{ "no way to map", { .name = "kunit", .owner = THIS_MODULE },
	  -EINVAL },
	{ "a fault only", { .name = "kunit", .owner = THIS_MODULE,
			    .fault = stub_fault }, -EINVAL },
	{ "mmap and populate", { .name = "kunit", .owner = THIS_MODULE,
				 .mmap = stub_mmap,
				 .populate = stub_populate }, -EINVAL },
	{ "huge fault without fault", { .name = "kunit", .owner = THIS_MODULE,
					.mmap = stub_mmap,
					.huge_fault = stub_huge_fault },
	  -EINVAL },
};

static void refusal_describe(const struct refusal_case *c, char *desc)
{
	strscpy(desc, c->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refusal, refusal_cases, refusal_describe);

static void register_test(struct kunit *test)
{
	const struct refusal_case *c = test->param_value;
	const struct memphys_method *method = &c->method;

	KUNIT_EXPECT_EQ(test, c->due, memphys_register_method(method));
	KUNIT_EXPECT_TRUE(test,
			  method_of(method->name) == (c->due ? NULL : method));
	KUNIT_EXPECT_EQ(test, c->due ? -ENOENT : 0,
			memphys_unregister_method(method));
	KUNIT_EXPECT_TRUE(test, !method_of(method->name));
}

static void register_twice_test(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, memphys_register_method(&good_method));

	KUNIT_EXPECT_EQ(test, -EEXIST, memphys_register_method(&good_method));
	KUNIT_EXPECT_EQ(test, -EEXIST,
			memphys_register_method(&same_name_method));
	KUNIT_EXPECT_TRUE(test, method_of("kunit") == &good_method);

	/* Once is enough to be rid of it, and then the name is free. */
	KUNIT_EXPECT_EQ(test, 0, memphys_unregister_method(&good_method));
	KUNIT_EXPECT_EQ(test, 0, memphys_register_method(&same_name_method));
	KUNIT_EXPECT_EQ(test, 0, memphys_unregister_method(&same_name_method));
}

static void register_taken_name_test(struct kunit *test)
{
	const struct memphys_method *remap = method_of("remap");

	KUNIT_EXPECT_EQ(test, -EEXIST,
			memphys_register_method(&taken_name_method));
	KUNIT_EXPECT_TRUE(test, method_of("remap") == remap);
}

static void unregister_other_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -ENOENT, memphys_unregister_method(&good_method));

	/* A table is itself, whatever its name. */
	KUNIT_EXPECT_EQ(test, -ENOENT,
			memphys_unregister_method(&taken_name_method));
	KUNIT_EXPECT_TRUE(test, method_of("remap"));

	KUNIT_ASSERT_EQ(test, 0, memphys_register_method(&good_method));
	KUNIT_EXPECT_EQ(test, -ENOENT,
			memphys_unregister_method(&same_name_method));
	KUNIT_EXPECT_TRUE(test, method_of("kunit") == &good_method);
	KUNIT_EXPECT_EQ(test, 0, memphys_unregister_method(&good_method));
	KUNIT_EXPECT_EQ(test, -ENOENT, memphys_unregister_method(&good_method));
}

/* A test that has failed half-way leaves no table of this module behind. */
static void registry_exit(struct kunit *test)
{
	const struct memphys_method *left = method_of("kunit");

	if (left)
		memphys_unregister_method(left);
}

static struct kunit_case registry_cases[] = {
	KUNIT_CASE_PARAM(register_test, refusal_gen_params),
	KUNIT_CASE(register_twice_test),
	KUNIT_CASE(register_taken_name_test),
	KUNIT_CASE(unregister_other_test),
	{}
};

static struct kunit_suite registry_suite = {
	.name = "memphys_registry",
	.test_cases = registry_cases,
	.exit = registry_exit,
};

/* ------------------------------------------------------------------- flags */

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

	for (i = 0; i < ARRAY_SIZE(method_cases); i++) {
		const struct memphys_method *method;
		struct vm_area_desc desc = {};

		if (!method_cases[i].lazy_pfns)
			continue;

		method = method_of(method_cases[i].name);
		KUNIT_ASSERT_TRUE(test, method);
		mapping_init(&desc, c);
		KUNIT_EXPECT_EQ(test, 0, method->mmap(&desc, NULL, 0));
		expect_pfn_flags(test, &desc, c);
	}
}

/* Pages of the driver's own: mm can find them, so no PFNMAP, and no IO. */
static void lazy_pages_test(struct kunit *test)
{
	const struct memphys_method *method = method_of("fault-page");
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

static struct kunit_suite flags_suite = {
	.name = "memphys_flags",
	.test_cases = flags_cases,
};

/* ------------------------------------------------------------------ memory */

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

static struct kunit_suite memory_suite = {
	.name = "memphys_memory",
	.test_cases = memory_cases,
	.init = memory_init,
	.exit = memory_exit,
};

kunit_test_suites(&access_suite, &tables_suite, &registry_suite, &flags_suite,
		  &memory_suite);

MODULE_AUTHOR("The memphys authors");
MODULE_DESCRIPTION("KUnit tests of memphys");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("GPL");
