// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: backings, which say who allocates the memory of a region. Memory is
 * zeroed, and charged to the memory cgroup of the task that asks for it.
 */
#include <kunit/visibility.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "memphys.h"

#define MEMPHYS_GFP	(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN)

static unsigned long memphys_bytes(const struct memphys_memory *memory)
{
	return memory->npages << PAGE_SHIFT;
}

/*
 * kmalloc: kind a of the question. Slab may have put several objects on what
 * the struct pages describe, and counts no references of users on them, so
 * only PFNs may be mapped. Sizes are whole pages, which slab aligns to pages.
 */
static int memphys_kmalloc_alloc(struct memphys_memory *memory)
{
	memory->addr = kmalloc(memphys_bytes(memory), MEMPHYS_GFP);
	if (!memory->addr)
		return -ENOMEM;

	memory->base = PHYS_PFN(virt_to_phys(memory->addr));
	return 0;
}

static void memphys_kmalloc_free(struct memphys_memory *memory)
{
	kfree(memory->addr);
}

static struct page **memphys_page_array(const struct memphys_memory *memory)
{
	return kvmalloc_array(memory->npages, sizeof(struct page *),
			      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}

/*
 * pages: a contiguous range of single pages, each with a reference count of
 * its own. A page that somebody has pinned outlives the range.
 */
static int memphys_pages_alloc(struct memphys_memory *memory)
{
	unsigned long i;

	memory->pages = memphys_page_array(memory);
	if (!memory->pages)
		return -ENOMEM;

	memory->addr = alloc_pages_exact(memphys_bytes(memory), MEMPHYS_GFP);
	if (!memory->addr)
		goto err_free_array;

	memory->base = PHYS_PFN(virt_to_phys(memory->addr));
	for (i = 0; i < memory->npages; i++)
		memory->pages[i] = pfn_to_page(memory->base + i);

	return 0;

err_free_array:
	kvfree(memory->pages);
	return -ENOMEM;
}

static void memphys_pages_free(struct memphys_memory *memory)
{
	free_pages_exact(memory->addr, memphys_bytes(memory));
	kvfree(memory->pages);
}

/*
 * vmalloc: kind b of the question, page by page, made one in the kernel's
 * address space. vmalloc_user(), which does the same, has no way to charge it.
 */
static int memphys_vmalloc_alloc(struct memphys_memory *memory)
{
	unsigned long i;

	memory->pages = memphys_page_array(memory);
	if (!memory->pages)
		return -ENOMEM;

	for (i = 0; i < memory->npages; i++) {
		memory->pages[i] = alloc_page(MEMPHYS_GFP);
		if (!memory->pages[i])
			goto err_free_pages;
	}

	memory->addr = vmap(memory->pages, memory->npages,
			    VM_MAP | VM_USERMAP, PAGE_KERNEL);
	if (!memory->addr)
		goto err_free_pages;

	return 0;

err_free_pages:
	while (i--)
		__free_page(memory->pages[i]);
	kvfree(memory->pages);
	return -ENOMEM;
}

static void memphys_vmalloc_free(struct memphys_memory *memory)
{
	unsigned long i;

	vunmap(memory->addr);
	for (i = 0; i < memory->npages; i++)
		__free_page(memory->pages[i]);
	kvfree(memory->pages);
}

/* By enum memphys_backing. */
const struct memphys_backing_ops memphys_backings[] = {
	[MEMPHYS_BACKING_PHYS] = {
		.has = MEMPHYS_NEED_CONTIGUOUS,
	},
	[MEMPHYS_BACKING_KMALLOC] = {
		.has = MEMPHYS_NEED_CONTIGUOUS,
		.alloc = memphys_kmalloc_alloc,
		.free = memphys_kmalloc_free,
	},
	[MEMPHYS_BACKING_PAGES] = {
		.has = MEMPHYS_NEED_CONTIGUOUS | MEMPHYS_NEED_PAGES,
		.alloc = memphys_pages_alloc,
		.free = memphys_pages_free,
	},
	[MEMPHYS_BACKING_VMALLOC] = {
		.has = MEMPHYS_NEED_PAGES | MEMPHYS_NEED_VMALLOC,
		.alloc = memphys_vmalloc_alloc,
		.free = memphys_vmalloc_free,
	},
};
EXPORT_SYMBOL_IF_KUNIT(memphys_backings);
