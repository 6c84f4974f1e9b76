// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: regions, from birth to death. A region is memory of a backing under
 * a name, mapped by one method.
 */
#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "memphys.h"

DEFINE_MUTEX(memphys_lock); /* the lists of regions and of methods */
EXPORT_SYMBOL_IF_KUNIT(memphys_lock);

/* Goes up with each change of either list, so that a dump notices. */
unsigned int memphys_generation = 1;

static LIST_HEAD(regions);
static unsigned int nregions;

static unsigned int max_regions = 64;
module_param(max_regions, uint, 0444);
MODULE_PARM_DESC(max_regions, "Regions that netlink may make");

VISIBLE_IF_KUNIT unsigned long memphys_max_bytes = 64UL << 20;
EXPORT_SYMBOL_IF_KUNIT(memphys_max_bytes);
module_param_named(max_bytes, memphys_max_bytes, ulong, 0444);
MODULE_PARM_DESC(max_bytes, "Bytes that regions and their mappings may allocate");

static atomic_long_t pages_in_use;

/**
 * memphys_charge_bytes() - count memory that is about to be allocated
 * @npages: its length in pages
 *
 * What does not fit is not counted, not even for a moment in which another
 * request would be refused that does fit.
 *
 * Return: whether the parameter max_bytes allows it.
 */
bool memphys_charge_bytes(unsigned long npages)
{
	unsigned long limit = memphys_max_bytes >> PAGE_SHIFT;
	long used = atomic_long_read(&pages_in_use);

	do {
		if (npages > limit || used > limit - npages)
			return false;
	} while (!atomic_long_try_cmpxchg(&pages_in_use, &used,
					  used + npages));

	return true;
}
EXPORT_SYMBOL_IF_KUNIT(memphys_charge_bytes);

/**
 * memphys_uncharge_bytes() - count memory no more
 * @npages: as it was charged
 */
void memphys_uncharge_bytes(unsigned long npages)
{
	atomic_long_sub(npages, &pages_in_use);
}
EXPORT_SYMBOL_IF_KUNIT(memphys_uncharge_bytes);

/**
 * memphys_region_find() - look a region up
 * @name: of the region
 *
 * Return: the region, NULL when there is none; valid as long as memphys_lock
 * is held.
 */
struct memphys_region *memphys_region_find(const char *name)
{
	struct memphys_region *region;

	lockdep_assert_held(&memphys_lock);
	list_for_each_entry(region, &regions, entry)
		if (!strcmp(region->name, name))
			return region;

	return NULL;
}

/**
 * memphys_visit_regions() - visit the regions, oldest first
 * @visit: called for each, until it returns something but 0
 * @skip: that many are left out first
 * @data: for @visit
 *
 * Return: what @visit returned last.
 */
int memphys_visit_regions(memphys_visit_region visit, unsigned long skip,
			  void *data)
{
	struct memphys_region *region;
	int ret;

	lockdep_assert_held(&memphys_lock);
	list_for_each_entry(region, &regions, entry) {
		if (skip) {
			skip--;
			continue;
		}
		ret = visit(region, data);
		if (ret)
			return ret;
	}

	return 0;
}

static void memphys_region_release(struct kref *ref)
{
	struct memphys_region *region = container_of(ref, struct memphys_region,
						     ref);

	if (region->memory)
		memphys_memory_put(region->memory);
	iput(region->inode);
	kfree(region);
}

/**
 * memphys_region_put() - drop a reference
 * @region: may be gone after it
 */
void memphys_region_put(struct memphys_region *region)
{
	kref_put(&region->ref, memphys_region_release);
}

static struct memphys_region *
memphys_region_alloc(const struct memphys_region_spec *spec)
{
	struct memphys_region *region;
	int ret;

	region = kzalloc_obj(*region);
	if (!region)
		return ERR_PTR(-ENOMEM);

	kref_init(&region->ref);
	mutex_init(&region->lock);
	init_rwsem(&region->revoke_lock);
	spin_lock_init(&region->memories_lock);
	INIT_LIST_HEAD(&region->memories);
	memphys_loops_init(region);

	strscpy(region->name, spec->name, sizeof(region->name));
	region->method = spec->method;
	region->kind = spec->backing;
	region->lifetime = spec->lifetime;
	region->npages = spec->npages;

	region->inode = memphys_space_create();
	if (IS_ERR(region->inode)) {
		ret = PTR_ERR(region->inode);
		goto err_free_region;
	}

	if (spec->lifetime == MEMPHYS_LIFETIME_REGION) {
		struct memphys_memory *memory;

		memory = memphys_memory_create(region, spec->base);
		if (IS_ERR(memory)) {
			ret = PTR_ERR(memory);
			goto err_put_inode;
		}
		region->memory = memory;
	}

	return region;

err_put_inode:
	iput(region->inode);
err_free_region:
	kfree(region);
	return ERR_PTR(ret);
}

/* Make the node and put the region into the list. */
static int memphys_region_publish(struct memphys_region *region)
{
	int ret;

	lockdep_assert_held(&memphys_lock);
	if (memphys_region_find(region->name))
		return -EEXIST;

	if (region->owned && nregions >= max_regions)
		return -ENOSPC;

	ret = memphys_node_create(region);
	if (ret)
		return ret;

	list_add_tail(&region->entry, &regions);
	memphys_generation++;
	nregions += region->owned;
	return 0;
}

/* Undo that. Who has the node open keeps the region. */
static void memphys_region_unpublish(struct memphys_region *region)
{
	lockdep_assert_held(&memphys_lock);
	list_del(&region->entry);
	memphys_generation++;
	nregions -= region->owned;
	memphys_node_destroy(region);
}

/* A region whose node is there, or an ERR_PTR(). */
static struct memphys_region *
memphys_region_make(const struct memphys_region_spec *spec, bool owned)
{
	struct memphys_region *region;
	int ret;

	region = memphys_region_alloc(spec);
	if (IS_ERR(region))
		return region;

	region->owned = owned;
	mutex_lock(&memphys_lock);
	ret = memphys_region_publish(region);
	mutex_unlock(&memphys_lock);

	if (ret) {
		memphys_region_put(region);
		return ERR_PTR(ret);
	}
	return region;
}

/**
 * memphys_region_create() - make a region for somebody who asks
 * @spec: has been checked; the hold on the method goes over to the region if
 *	this succeeds
 *
 * Return: 0 when the node is there; -EEXIST when the name is taken, -ENOSPC
 * when the parameter max_regions allows no more, -EBUSY when misc devices have
 * no minor number left, -ENOMEM.
 */
int memphys_region_create(const struct memphys_region_spec *spec)
{
	/* Somebody may have deleted it again by now. */
	return PTR_ERR_OR_ZERO(memphys_region_make(spec, true));
}

/*
 * Empty all mappings; no fault fills one after. An mmap() that is about to make
 * its VMA known may come too late: Documentation/driver.rst.
 */
static void memphys_region_revoke(struct memphys_region *region)
{
	down_write(&region->revoke_lock);
	WRITE_ONCE(region->revoked, true);
	up_write(&region->revoke_lock);

	memphys_memory_drain(region);

	unmap_mapping_range(region->inode->i_mapping, 0, 0, 1);
}

static int memphys_region_kill(struct memphys_region *region, bool revoke)
{
	int ret = 0;

	mutex_lock(&region->lock);
	if (region->opens && !revoke)
		ret = -EBUSY;
	else
		region->dead = true;
	mutex_unlock(&region->lock);
	return ret;
}

/**
 * memphys_region_delete() - take a region away
 * @name: of the region
 * @revoke: also from those who have it open or mapped
 *
 * Return: 0 when the node is gone; -ENOENT when there is no such region,
 * -EBUSY while it is open or mapped, -EPERM for the window of a method.
 */
int memphys_region_delete(const char *name, bool revoke)
{
	const struct memphys_method *method;
	struct memphys_region *region;
	int ret;

	mutex_lock(&memphys_lock);
	region = memphys_region_find(name);
	ret = -ENOENT;
	if (!region)
		goto err_unlock;

	ret = -EPERM;
	if (!region->owned)
		goto err_unlock;

	ret = memphys_region_kill(region, revoke);
	if (ret)
		goto err_unlock;

	memphys_region_unpublish(region);
	mutex_unlock(&memphys_lock);

	if (revoke)
		memphys_region_revoke(region);

	method = region->method;
	memphys_region_put(region);
	memphys_method_put(method);
	return 0;

err_unlock:
	mutex_unlock(&memphys_lock);
	return ret;
}

/**
 * memphys_window_create() - show all of physical memory through a method
 * @method: registered or not; outlives the window
 *
 * The module that calls this destroys the window from its exit function. The
 * window does not hold that module, only a file does.
 *
 * Return: the window, or an ERR_PTR(): -EINVAL for a name that no node can have
 * and for a method that does not go with phys, -EEXIST when the name is taken,
 * -ENOMEM.
 */
struct memphys_region *
memphys_window_create(const struct memphys_method *method)
{
	const struct memphys_region_spec spec = {
		.name = method->name,
		.method = method,
		.backing = MEMPHYS_BACKING_PHYS,
		.lifetime = MEMPHYS_LIFETIME_REGION,
		.npages = memphys_limit(),
	};

	if (memphys_check_name(method->name) ||
	    memphys_refuses_backing(method, MEMPHYS_BACKING_PHYS))
		return ERR_PTR(-EINVAL);

	return memphys_region_make(&spec, false);
}
EXPORT_SYMBOL_GPL(memphys_window_create);

/**
 * memphys_window_destroy() - take the window of a method away
 * @region: from memphys_window_create()
 *
 * Nothing is open or mapped any more: a file holds the modules, and this is
 * called on the way out of one.
 */
void memphys_window_destroy(struct memphys_region *region)
{
	mutex_lock(&memphys_lock);
	memphys_region_unpublish(region);
	mutex_unlock(&memphys_lock);
	memphys_region_put(region);
}
EXPORT_SYMBOL_GPL(memphys_window_destroy);

/**
 * memphys_regions_exit() - take away what netlink has made and left
 *
 * On the way out of the module: nothing is open, and netlink is gone.
 */
void memphys_regions_exit(void)
{
	struct memphys_region *region, *next;

	mutex_lock(&memphys_lock);
	list_for_each_entry_safe(region, next, &regions, entry) {
		if (!region->owned)
			continue;
		memphys_region_unpublish(region);
		memphys_method_put(region->method);
		memphys_region_put(region);
	}
	mutex_unlock(&memphys_lock);
}
