// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_kunit: which methods another module may register, and how often; and
 * which may have a window.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "memphys_kunit.h"

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
	{ "populate and fault", { .name = "kunit", .owner = THIS_MODULE,
				  .populate = stub_populate,
				  .fault = stub_fault }, -EINVAL },
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
			  memphys_kunit_method(method->name) == (c->due ? NULL : method));
	KUNIT_EXPECT_EQ(test, c->due ? -ENOENT : 0,
			memphys_unregister_method(method));
	KUNIT_EXPECT_TRUE(test, !memphys_kunit_method(method->name));
}

static void register_twice_test(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 0, memphys_register_method(&good_method));

	KUNIT_EXPECT_EQ(test, -EEXIST, memphys_register_method(&good_method));
	KUNIT_EXPECT_EQ(test, -EEXIST,
			memphys_register_method(&same_name_method));
	KUNIT_EXPECT_TRUE(test, memphys_kunit_method("kunit") == &good_method);

	/* Once is enough to be rid of it, and then the name is free. */
	KUNIT_EXPECT_EQ(test, 0, memphys_unregister_method(&good_method));
	KUNIT_EXPECT_EQ(test, 0, memphys_register_method(&same_name_method));
	KUNIT_EXPECT_EQ(test, 0, memphys_unregister_method(&same_name_method));
}

static void register_taken_name_test(struct kunit *test)
{
	const struct memphys_method *remap = memphys_kunit_method("remap");

	KUNIT_EXPECT_EQ(test, -EEXIST,
			memphys_register_method(&taken_name_method));
	KUNIT_EXPECT_TRUE(test, memphys_kunit_method("remap") == remap);
}

static void unregister_other_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -ENOENT, memphys_unregister_method(&good_method));

	/* A table is itself, whatever its name. */
	KUNIT_EXPECT_EQ(test, -ENOENT,
			memphys_unregister_method(&taken_name_method));
	KUNIT_EXPECT_TRUE(test, memphys_kunit_method("remap"));

	KUNIT_ASSERT_EQ(test, 0, memphys_register_method(&good_method));
	KUNIT_EXPECT_EQ(test, -ENOENT,
			memphys_unregister_method(&same_name_method));
	KUNIT_EXPECT_TRUE(test, memphys_kunit_method("kunit") == &good_method);
	KUNIT_EXPECT_EQ(test, 0, memphys_unregister_method(&good_method));
	KUNIT_EXPECT_EQ(test, -ENOENT, memphys_unregister_method(&good_method));
}

struct window_case {
	const char *what;
	const char *name;
	u32 needs;
	int due;
};

static const struct window_case window_cases[] = {
	{ "no needs", "kunit", 0, 0 },
	{ "a range of PFNs", "kunit", MEMPHYS_NEED_CONTIGUOUS, 0 },
	{ "pages", "kunit", MEMPHYS_NEED_PAGES, -EINVAL },
	{ "an area of vmalloc", "kunit", MEMPHYS_NEED_VMALLOC, -EINVAL },
	{ "empty name", "", 0, -EINVAL },
	{ "path for a name", "../kunit", 0, -EINVAL },
	{ "name of another window", "remap", 0, -EEXIST },
};

static void window_describe(const struct window_case *c, char *desc)
{
	strscpy(desc, c->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(window, window_cases, window_describe);

static void window_test(struct kunit *test)
{
	const struct window_case *c = test->param_value;
	const struct memphys_method method = {
		.name = c->name,
		.owner = THIS_MODULE,
		.needs = c->needs,
		.mmap = stub_mmap,
	};
	struct memphys_region *window = memphys_window_create(&method);

	KUNIT_EXPECT_EQ(test, c->due, PTR_ERR_OR_ZERO(window));
	if (!IS_ERR(window))
		memphys_window_destroy(window);
}

/* A test that has failed half-way leaves no table of this module behind. */
static void registry_exit(struct kunit *test)
{
	const struct memphys_method *left = memphys_kunit_method("kunit");

	if (left)
		memphys_unregister_method(left);
}

static struct kunit_case registry_cases[] = {
	KUNIT_CASE_PARAM(register_test, refusal_gen_params),
	KUNIT_CASE(register_twice_test),
	KUNIT_CASE(register_taken_name_test),
	KUNIT_CASE(unregister_other_test),
	KUNIT_CASE_PARAM(window_test, window_gen_params),
	{}
};

struct kunit_suite memphys_registry_suite = {
	.name = "memphys_registry",
	.test_cases = registry_cases,
	.exit = registry_exit,
};
