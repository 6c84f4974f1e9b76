// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_kunit: tests of what the driver decides, without mapping anything.
 *
 * What is right is spelled out here once more, pair by pair and edge by edge,
 * and not worked out: a test that computes repeats the mistake. One file for
 * each suite; here they are registered.
 *
 * To be loaded while no region exists that allocates, and nobody uses the
 * arena: it takes the limit of such memory, and the arena, for its own use.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "memphys_kunit.h"

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

/**
 * memphys_kunit_method() - look a method up
 * @name: of the method
 *
 * Return: the method, NULL when there is none. It is not held: a reference
 * method stays as long as this module, which needs memphys.ko.
 */
const struct memphys_method *memphys_kunit_method(const char *name)
{
	struct search search = { .name = name };

	mutex_lock(&memphys_lock);
	memphys_visit_methods(search_visit, 0, &search);
	mutex_unlock(&memphys_lock);
	return search.found;
}

kunit_test_suites(&memphys_access_suite, &memphys_tables_suite,
		  &memphys_registry_suite, &memphys_flags_suite,
		  &memphys_memory_suite, &memphys_arena_suite);

MODULE_AUTHOR("The memphys authors");
MODULE_DESCRIPTION("KUnit tests of memphys");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("GPL");
