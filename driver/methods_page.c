// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the reference methods that map struct pages. Each PTE holds a
 * reference and counts in the RSS of its process, mm finds the page again, and
 * so get_user_pages() works. All that is for pages that are the driver's own.
 *
 * A VMA of such pages may be expanded or merged as mm likes, unless it is told
 * not to: the driver has checked this range and no other.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/vmalloc.h>

#include "memphys.h"

#define MEMPHYS_FLAGS_PAGE	(MEMPHYS_METHOD_FLAG_PAGE | \
				 MEMPHYS_METHOD_FLAG_GUP)

static int memphys_page_flags(struct vm_area_desc *desc)
{
	vma_desc_set_flags(desc, VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT);
	return 0;
}

static int memphys_fault_page_mmap(struct vm_area_desc *desc,
				   const struct memphys_memory *memory,
				   unsigned long index)
{
	return memphys_page_flags(desc);
}

/*
 * fault-page: what the handler of the original question was about to do. The
 * page goes into vmf->page with a reference, and mm makes the PTE, or a copy
 * for a write to a private mapping. The result is a set of bits and never the
 * page. Returned locked, the page tells who revokes it that it is on its way.
 */
static vm_fault_t memphys_fault_page_fault(struct vm_fault *vmf,
					   const struct memphys_memory *memory,
					   unsigned long index)
{
	struct page *page = memory->pages[index];

	get_page(page);
	lock_page(page);
	vmf->page = page;
	return VM_FAULT_LOCKED;
}

const struct memphys_method memphys_fault_page_method = {
	.name = "fault-page",
	.owner = THIS_MODULE,
	.flags = MEMPHYS_FLAGS_PAGE,
	.needs = MEMPHYS_NEED_PAGES,
	.mmap = memphys_fault_page_mmap,
	.fault = memphys_fault_page_fault,
};

/*
 * insert: vm_insert_page() for each page, as kind b of the question. What was
 * mapped before an error goes with the mapping, which mm then takes down.
 */
static int memphys_insert_populate(struct vm_area_struct *vma,
				   const struct memphys_memory *memory,
				   unsigned long index)
{
	unsigned long address;
	int ret;

	for (address = vma->vm_start; address < vma->vm_end;
	     address += PAGE_SIZE) {
		ret = vm_insert_page(vma, address, memory->pages[index++]);
		if (ret)
			return ret;
	}

	return 0;
}

const struct memphys_method memphys_insert_method = {
	.name = "insert",
	.owner = THIS_MODULE,
	.flags = MEMPHYS_FLAGS_PAGE | MEMPHYS_METHOD_FLAG_EAGER,
	.needs = MEMPHYS_NEED_PAGES,
	.populate = memphys_insert_populate,
};

/* insert-batch: the same in one call, which takes each page table lock once. */
static int memphys_insert_batch_mmap(struct vm_area_desc *desc,
				     const struct memphys_memory *memory,
				     unsigned long index)
{
	mmap_action_map_kernel_pages_full(desc, memory->pages + index);
	return memphys_page_flags(desc);
}

const struct memphys_method memphys_insert_batch_method = {
	.name = "insert-batch",
	.owner = THIS_MODULE,
	.flags = MEMPHYS_FLAGS_PAGE | MEMPHYS_METHOD_FLAG_EAGER,
	.needs = MEMPHYS_NEED_PAGES,
	.mmap = memphys_insert_batch_mmap,
};

/* vmalloc: mm looks the pages up itself. */
static int memphys_vmalloc_populate(struct vm_area_struct *vma,
				    const struct memphys_memory *memory,
				    unsigned long index)
{
	return remap_vmalloc_range(vma, memory->addr, index);
}

const struct memphys_method memphys_vmalloc_method = {
	.name = "vmalloc",
	.owner = THIS_MODULE,
	.flags = MEMPHYS_FLAGS_PAGE | MEMPHYS_METHOD_FLAG_EAGER,
	.needs = MEMPHYS_NEED_PAGES | MEMPHYS_NEED_VMALLOC,
	.populate = memphys_vmalloc_populate,
};
