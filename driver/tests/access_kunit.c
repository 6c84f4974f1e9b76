// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_kunit: who may touch what, edge by edge: ranges, and names.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "memphys_kunit.h"

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

struct kunit_suite memphys_access_suite = {
	.name = "memphys_access",
	.test_cases = access_cases,
};
