// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the registry of methods, and the table of what goes with what.
 *
 * The table is not written down pair by pair: a method says what it needs, a
 * backing says what it has, and where they do not meet there is a reason.
 */
#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "memphys.h"

/**
 * struct memphys_entry - a method in the list
 * @entry: in the list, under memphys_lock
 * @method: the table
 */
struct memphys_entry {
	struct list_head entry;
	const struct memphys_method *method;
};

static LIST_HEAD(methods);

static struct memphys_entry *memphys_find_method(const char *name)
{
	struct memphys_entry *entry;

	lockdep_assert_held(&memphys_lock);
	list_for_each_entry(entry, &methods, entry)
		if (!strcmp(entry->method->name, name))
			return entry;

	return NULL;
}

/**
 * memphys_register_method() - add a method
 * @method: table that stays as long as the module @method->owner
 *
 * From then on regions can ask for it. A file of a region that was revoked
 * keeps the module, and looks at the table once more when it is closed: so the
 * table is needed even after memphys_unregister_method().
 *
 * Return: 0; -EEXIST when the name is taken, -EINVAL for a table that cannot
 * work, -ENOMEM.
 */
int memphys_register_method(const struct memphys_method *method)
{
	struct memphys_entry *entry;
	int ret = 0;

	/* The owner is NULL for what is built into the kernel. */
	if (memphys_check_name(method->name) ||
	    !method->mmap == !method->populate ||
	    (method->populate && method->fault) ||
	    (method->huge_fault && !method->fault))
		return -EINVAL;

	entry = kzalloc_obj(*entry);
	if (!entry)
		return -ENOMEM;

	entry->method = method;
	mutex_lock(&memphys_lock);
	if (memphys_find_method(method->name))
		ret = -EEXIST;
	else
		list_add_tail(&entry->entry, &methods);
	memphys_generation++;
	mutex_unlock(&memphys_lock);

	if (ret)
		kfree(entry);
	return ret;
}
EXPORT_SYMBOL_GPL(memphys_register_method);

struct memphys_use {
	const struct memphys_method *method;
};

static int memphys_uses(struct memphys_region *region, void *data)
{
	const struct memphys_use *use = data;

	return region->owned && region->method == use->method ? -EBUSY : 0;
}

/**
 * memphys_unregister_method() - take a method away
 * @method: from memphys_register_method()
 *
 * A region that was made over netlink holds the module of its method, so this
 * cannot fail in the exit function of that module.
 *
 * Return: 0; -EBUSY while a region uses it, -ENOENT when it is not there.
 */
int memphys_unregister_method(const struct memphys_method *method)
{
	struct memphys_use use = { .method = method };
	struct memphys_entry *entry;
	int ret = -ENOENT;

	mutex_lock(&memphys_lock);
	entry = memphys_find_method(method->name);
	if (entry && entry->method == method)
		ret = memphys_visit_regions(memphys_uses, 0, &use);
	if (!ret)
		list_del(&entry->entry);
	memphys_generation++;
	mutex_unlock(&memphys_lock);

	if (!ret)
		kfree(entry);
	return ret;
}
EXPORT_SYMBOL_GPL(memphys_unregister_method);

/**
 * memphys_method_get() - look a method up, and hold its module
 * @name: of the method
 *
 * The driver does not hold itself: it takes the regions along when it goes.
 *
 * Return: the method, for memphys_method_put(); NULL when there is none.
 */
const struct memphys_method *memphys_method_get(const char *name)
{
	struct memphys_entry *entry;

	lockdep_assert_held(&memphys_lock);
	entry = memphys_find_method(name);
	if (!entry)
		return NULL;

	if (entry->method->owner != THIS_MODULE &&
	    !try_module_get(entry->method->owner))
		return NULL;

	return entry->method;
}

/**
 * memphys_method_put() - let go of a method
 * @method: from memphys_method_get()
 */
void memphys_method_put(const struct memphys_method *method)
{
	if (method->owner != THIS_MODULE)
		module_put(method->owner);
}

/**
 * memphys_visit_methods() - visit the methods in the order of registration
 * @visit: called for each, until it returns something but 0
 * @skip: that many are left out first
 * @data: for @visit
 *
 * Return: what @visit returned last.
 */
int memphys_visit_methods(memphys_visit_method visit, unsigned long skip,
			  void *data)
{
	struct memphys_entry *entry;
	int ret;

	lockdep_assert_held(&memphys_lock);
	list_for_each_entry(entry, &methods, entry) {
		if (skip) {
			skip--;
			continue;
		}
		ret = visit(entry->method, data);
		if (ret)
			return ret;
	}

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(memphys_visit_methods);

#define MEMPHYS_ANY_BACKING	GENMASK(MEMPHYS_BACKING_VMALLOC, 0)

/* The first that fits is told. */
static const struct {
	u32 need;
	u32 backings;
	const char *reason;
} memphys_reasons[] = {
	{
		MEMPHYS_NEED_VMALLOC, MEMPHYS_ANY_BACKING,
		"this method maps an area of vmalloc, nothing else",
	},
	{
		MEMPHYS_NEED_CONTIGUOUS, MEMPHYS_ANY_BACKING,
		"this method maps a range of PFNs, and vmalloc scatters",
	},
	{
		MEMPHYS_NEED_PAGES, BIT(MEMPHYS_BACKING_PHYS),
		"this method takes references, on what is not the driver's",
	},
	{
		MEMPHYS_NEED_PAGES, MEMPHYS_ANY_BACKING,
		"this method takes references, and slab counts none",
	},
};

static const char memphys_no_owner[] =
	"nobody allocates physical memory, so no mapping can own it";
static const char memphys_too_early[] =
	"this method needs memory before a mapping may allocate any";

/**
 * memphys_refuses_backing() - why a method does not go with a backing
 * @method: the method
 * @backing: enum memphys_backing
 *
 * Return: the reason, a sentence for people; NULL when it does go.
 */
const char *memphys_refuses_backing(const struct memphys_method *method,
				    u32 backing)
{
	u32 lacks = method->needs & ~memphys_backings[backing].has;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(memphys_reasons); i++)
		if ((lacks & memphys_reasons[i].need) &&
		    (memphys_reasons[i].backings & BIT(backing)))
			return memphys_reasons[i].reason;

	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(memphys_refuses_backing);

/**
 * memphys_refuses_lifetime() - why memory cannot live with a mapping
 * @method: the method
 * @backing: enum memphys_backing
 * @lifetime: enum memphys_lifetime
 *
 * Return: the reason, a sentence for people; NULL when it can.
 */
const char *memphys_refuses_lifetime(const struct memphys_method *method,
				     u32 backing, u32 lifetime)
{
	if (lifetime == MEMPHYS_LIFETIME_REGION)
		return NULL;

	if (!memphys_backings[backing].alloc)
		return memphys_no_owner;

	/* An action of mmap is described before, and runs before, .mapped. */
	if (!method->fault && !method->populate)
		return memphys_too_early;

	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(memphys_refuses_lifetime);
