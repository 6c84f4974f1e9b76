// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: memory, from its allocation to its end. It ends when its region has
 * let go of it and the last VMA on it is gone, so no page is freed that
 * somebody can still touch through a page table. Pages that are pinned besides
 * keep themselves, by their own reference counts.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "memphys.h"

/**
 * memphys_memory_create() - allocate memory for a region
 * @region: its backing and length say what; must outlive the memory
 * @base: first PFN, for phys
 *
 * Return: memory with one reference, or an ERR_PTR(): -ENOMEM when there is
 * none to be had, or the parameter max_bytes does not allow more.
 */
struct memphys_memory *memphys_memory_create(struct memphys_region *region,
					     unsigned long base)
{
	struct memphys_memory *memory;
	int ret = -ENOMEM;

	memory = kzalloc_obj(*memory);
	if (!memory)
		return ERR_PTR(-ENOMEM);

	kref_init(&memory->ref);
	memory->backing = &memphys_backings[region->kind];
	memory->region = region;
	memory->npages = region->npages;
	memory->base = base;

	if (memory->backing->alloc) {
		if (!memphys_charge_bytes(memory->npages))
			goto err_free_memory;

		ret = memory->backing->alloc(memory);
		if (ret)
			goto err_uncharge;
	}

	spin_lock(&region->memories_lock);
	list_add_tail(&memory->entry, &region->memories);
	spin_unlock(&region->memories_lock);
	return memory;

err_uncharge:
	memphys_uncharge_bytes(memory->npages);
err_free_memory:
	kfree(memory);
	return ERR_PTR(ret);
}

static void memphys_memory_release(struct kref *ref)
{
	struct memphys_memory *memory = container_of(ref, struct memphys_memory,
						     ref);
	struct memphys_region *region = memory->region;

	spin_lock(&region->memories_lock);
	list_del(&memory->entry);
	spin_unlock(&region->memories_lock);

	if (memory->backing->free) {
		memory->backing->free(memory);
		memphys_uncharge_bytes(memory->npages);
	}
	kfree(memory);
}

/**
 * memphys_memory_put() - drop a reference
 * @memory: may be gone after it
 */
void memphys_memory_put(struct memphys_memory *memory)
{
	kref_put(&memory->ref, memphys_memory_release);
}

/**
 * memphys_memory_pfn() - where a page of memory is
 * @memory: the memory
 * @index: page, counted from its beginning
 *
 * Return: the PFN.
 */
unsigned long memphys_memory_pfn(const struct memphys_memory *memory,
				 unsigned long index)
{
	if (memory->backing->has & MEMPHYS_NEED_CONTIGUOUS)
		return memory->base + index;

	return page_to_pfn(memory->pages[index]);
}
EXPORT_SYMBOL_GPL(memphys_memory_pfn);

/* The first memory of a region that has pages, after @last; referenced. */
static struct memphys_memory *memphys_next(struct memphys_region *region,
					   struct memphys_memory *last)
{
	struct memphys_memory *memory, *found = NULL;

	spin_lock(&region->memories_lock);
	memory = list_prepare_entry(last, &region->memories, entry);
	list_for_each_entry_continue(memory, &region->memories, entry) {
		if (memory->pages && kref_get_unless_zero(&memory->ref)) {
			found = memory;
			break;
		}
	}
	spin_unlock(&region->memories_lock);

	if (last)
		memphys_memory_put(last);
	return found;
}

/**
 * memphys_memory_drain() - wait for pages that are on their way
 * @region: revoked, so that no further page starts
 *
 * A fault handler that leaves a page to mm returns it locked, and mm unlocks
 * it when the PTE is there.
 */
void memphys_memory_drain(struct memphys_region *region)
{
	struct memphys_memory *memory = NULL;
	unsigned long i;

	while ((memory = memphys_next(region, memory))) {
		for (i = 0; i < memory->npages; i++) {
			lock_page(memory->pages[i]);
			unlock_page(memory->pages[i]);
		}
		cond_resched();
	}
}

/**
 * memphys_memory_references() - what others hold of a region's pages
 * @region: the region
 *
 * Return: sum of the reference counts of its pages, less the driver's own.
 */
u64 memphys_memory_references(struct memphys_region *region)
{
	struct memphys_memory *memory = NULL;
	u64 sum = 0;
	unsigned long i;

	while ((memory = memphys_next(region, memory))) {
		for (i = 0; i < memory->npages; i++)
			sum += page_ref_count(memory->pages[i]) - 1;
		cond_resched();
	}

	return sum;
}
