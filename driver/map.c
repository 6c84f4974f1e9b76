// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: mappings of a region. All that is the same for every method is
 * here: the range check, the VMA operations, who holds the memory, counting,
 * the tracepoints.
 *
 * A VMA holds its memory in vm_private_data, from .mapped on. It is NULL
 * before: mm calls .close also for a mapping that failed on its way there.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "memphys.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static struct memphys_region *memphys_vma_region(struct vm_area_struct *vma)
{
	return memphys_file_region(vma->vm_file);
}

/**
 * memphys_count_pages() - a fault has brought more than its own page
 * @vmf: the fault
 * @count: pages that were mapped besides
 */
void memphys_count_pages(struct vm_fault *vmf, unsigned long count)
{
	atomic64_add(count, &memphys_vma_region(vmf->vma)->pages);
}
EXPORT_SYMBOL_GPL(memphys_count_pages);

static bool memphys_served(vm_fault_t ret)
{
	return !(ret & (VM_FAULT_ERROR | VM_FAULT_RETRY | VM_FAULT_FALLBACK));
}

/*
 * Faults of both kinds. A method that is wrong may have let go of mmap_lock
 * when it returns, and then everything behind @vmf may be gone: what is needed
 * later is taken before.
 */
static vm_fault_t memphys_vma_any_fault(struct vm_fault *vmf, int order)
{
	struct memphys_region *region = memphys_vma_region(vmf->vma);
	struct memphys_memory *memory = vmf->vma->vm_private_data;
	const struct memphys_method *method = region->method;
	unsigned long start = vmf->vma->vm_start;
	unsigned long end = vmf->vma->vm_end;
	unsigned long address = vmf->address;
	unsigned long index = vmf->pgoff;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	unsigned long pfn = 0;

	kref_get(&region->ref);
	down_read(&region->revoke_lock);

	/* mmap checked the range, but never trust a VMA to stay as it was. */
	if (memory && !region->revoked &&
	    !memphys_check_pages(index, 1, memory->npages)) {
		pfn = memphys_memory_pfn(memory, index);
		if (order < 0)
			ret = method->fault(vmf, memory, index);
		else
			ret = method->huge_fault(vmf, memory, index, order);
	}

	up_read(&region->revoke_lock);

	/* The fault goes on, page by page. */
	if (!(order >= 0 && ret & VM_FAULT_FALLBACK)) {
		trace_fault(method->name, start, end, index, address, pfn, ret);
		atomic64_inc(&region->faults);
		if (memphys_served(ret))
			atomic64_inc(&region->pages);
		memphys_loops_watch(region, address);
	}
	memphys_region_put(region);
	return ret;
}

static vm_fault_t memphys_vma_fault(struct vm_fault *vmf)
{
	return memphys_vma_any_fault(vmf, -1);
}

static vm_fault_t memphys_vma_huge_fault(struct vm_fault *vmf,
					 unsigned int order)
{
	return memphys_vma_any_fault(vmf, order);
}

/* Also for each part of a split, the child's half of a fork, a moved VMA. */
static void memphys_vma_open(struct vm_area_struct *vma)
{
	struct memphys_memory *memory = vma->vm_private_data;

	if (!memory)
		return;

	kref_get(&memory->ref);
	atomic64_inc(&memphys_vma_region(vma)->vmas);
}

static void memphys_vma_close(struct vm_area_struct *vma)
{
	struct memphys_memory *memory = vma->vm_private_data;

	if (!memory)
		return;

	atomic64_dec(&memphys_vma_region(vma)->vmas);
	memphys_memory_put(memory);
}

/* A reference on the memory of a new mapping, or an ERR_PTR(). */
static struct memphys_memory *memphys_take(struct memphys_region *region)
{
	if (!region->memory)
		return memphys_memory_create(region, 0);

	kref_get(&region->memory->ref);
	return region->memory;
}

/* The mapping is there: count it, unless the region has gone meanwhile. */
static int memphys_settle(struct memphys_region *region, unsigned long npages)
{
	int ret = 0;

	down_read(&region->revoke_lock);
	if (region->revoked) {
		ret = -ENODEV;
	} else {
		atomic64_inc(&region->vmas);
		if (!region->method->fault)
			atomic64_add(npages, &region->pages);
	}
	up_read(&region->revoke_lock);
	return ret;
}

static int memphys_vma_mapped(unsigned long start, unsigned long end,
			      pgoff_t pgoff, const struct file *file,
			      void **vm_private_data)
{
	struct memphys_region *region = memphys_file_region(file);
	struct memphys_memory *memory;
	unsigned long pfn;
	int ret;

	memory = memphys_take(region);
	if (IS_ERR(memory)) {
		ret = PTR_ERR(memory);
		goto out;
	}

	ret = memphys_settle(region, (end - start) >> PAGE_SHIFT);
	if (ret)
		goto err_put_memory;

	*vm_private_data = memory;
	/* remap_pfn_range() may have put the PFN in place of the offset. */
	pfn = pgoff < memory->npages ? memphys_memory_pfn(memory, pgoff) :
				       pgoff;
	trace_mmap(region->method->name, start, end, pgoff, pfn, 0);
	return 0;

err_put_memory:
	memphys_memory_put(memory);
out:
	trace_mmap(region->method->name, start, end, pgoff, 0, ret);
	return ret;
}

/*
 * The PFN at an address: what the PTE names, a private copy maybe, or what a
 * fault would put there.
 */
static int memphys_look_up(struct vm_area_struct *vma, unsigned long addr,
			   unsigned long *pfn)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	struct memphys_region *region = memphys_vma_region(vma);
	struct memphys_memory *memory = vma->vm_private_data;
	unsigned long index = linear_page_index(vma, addr);

	if (!follow_pfnmap_start(&args)) {
		*pfn = args.pfn;
		follow_pfnmap_end(&args);
		return 0;
	}

	if (!memory || READ_ONCE(region->revoked) || !region->method->fault ||
	    memphys_check_pages(index, 1, memory->npages))
		return -EFAULT;

	*pfn = memphys_memory_pfn(memory, index);
	return 0;
}

/*
 * For debuggers, which get here when get_user_pages() finds nothing. The PTE
 * may change while the bytes are copied, so it is looked at again. A private
 * mapping is not written to: that would reach the memory.
 */
static int memphys_vma_access(struct vm_area_struct *vma, unsigned long addr,
			      void *buf, int len, int write)
{
	const vm_flags_t writable = VM_SHARED | VM_WRITE;
	unsigned long offset = offset_in_page(addr);
	unsigned long pfn, again;
	int ret;

	/*
	 * Where there are pages, get_user_pages() has had its say: it has refused
	 * the protection, and what it would have found may be a private copy.
	 */
	if (!(vma->vm_flags & VM_IO))
		return -EACCES;

	len = min_t(unsigned long, len, PAGE_SIZE - offset);
	if (write && (vma->vm_flags & writable) != writable)
		return -EACCES;

	ret = memphys_look_up(vma, addr, &again);
	if (ret)
		return ret;

	do {
		pfn = again;
		ret = memphys_phys_copy(buf, pfn, offset, len, write);
		if (ret)
			return ret;

		ret = memphys_look_up(vma, addr, &again);
		if (ret)
			return ret;
	} while (again != pfn);

	return len;
}

static const struct vm_operations_struct memphys_eager_vm_ops = {
	.open = memphys_vma_open,
	.close = memphys_vma_close,
	.mapped = memphys_vma_mapped,
	.access = memphys_vma_access,
};

static const struct vm_operations_struct memphys_lazy_vm_ops = {
	.open = memphys_vma_open,
	.close = memphys_vma_close,
	.mapped = memphys_vma_mapped,
	.fault = memphys_vma_fault,
	.access = memphys_vma_access,
};

static const struct vm_operations_struct memphys_huge_vm_ops = {
	.open = memphys_vma_open,
	.close = memphys_vma_close,
	.mapped = memphys_vma_mapped,
	.fault = memphys_vma_fault,
	.huge_fault = memphys_vma_huge_fault,
	.access = memphys_vma_access,
};

/* Of f_op->mmap, which has no .mapped. */
static const struct vm_operations_struct memphys_populated_vm_ops = {
	.open = memphys_vma_open,
	.close = memphys_vma_close,
	.access = memphys_vma_access,
};

static int memphys_check_mmap(struct memphys_region *region,
			      unsigned long index, unsigned long npages)
{
	int ret;

	ret = memphys_check_pages(index, npages, region->npages);
	if (ret)
		return ret;

	return READ_ONCE(region->revoked) ? -ENODEV : 0;
}

/**
 * memphys_mmap_prepare() - check a mapping and have a method describe it
 * @desc: the mapping to be
 *
 * Called by mm before anything exists: nothing is acquired here.
 *
 * Return: 0; -EINVAL for a range that leaves the region, -ENODEV for one that
 * was revoked, or what the method says.
 */
int memphys_mmap_prepare(struct vm_area_desc *desc)
{
	struct memphys_region *region = memphys_file_region(desc->file);
	const struct memphys_method *method = region->method;
	unsigned long index = desc->pgoff;
	int ret;

	ret = memphys_check_mmap(region, index, vma_desc_pages(desc));
	if (!ret) {
		if (method->huge_fault)
			desc->vm_ops = &memphys_huge_vm_ops;
		else if (method->fault)
			desc->vm_ops = &memphys_lazy_vm_ops;
		else
			desc->vm_ops = &memphys_eager_vm_ops;
		desc->private_data = NULL;
		ret = method->mmap(desc, region->memory, index);
	}

	/* Success is told by .mapped. */
	if (ret)
		trace_mmap(method->name, desc->start, desc->end, desc->pgoff,
			   0, ret);
	return ret;
}

/**
 * memphys_mmap() - map by a method that wants the VMA
 * @file: of a region
 * @vma: to fill
 *
 * remap_vmalloc_range() and vm_insert_page() have no action of mmap_prepare,
 * so regions of their methods have f_op->mmap. When that fails, mm empties the
 * VMA and does not call .close.
 *
 * Return: 0; -EINVAL for a range that leaves the region, -ENODEV for one that
 * was revoked, -ENOMEM, or what the method says.
 */
int memphys_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct memphys_region *region = memphys_file_region(file);
	unsigned long index = vma->vm_pgoff;
	struct memphys_memory *memory = NULL;
	int ret;

	ret = memphys_check_mmap(region, index, vma_pages(vma));
	if (ret)
		goto out;

	memory = memphys_take(region);
	if (IS_ERR(memory)) {
		ret = PTR_ERR(memory);
		memory = NULL;
		goto out;
	}

	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP);
	ret = region->method->populate(vma, memory, index);
	if (!ret)
		ret = memphys_settle(region, vma_pages(vma));
	if (ret)
		goto out;

	vma->vm_private_data = memory;
	memphys_vma_set_ops(vma, &memphys_populated_vm_ops);
out:
	trace_mmap(region->method->name, vma->vm_start, vma->vm_end,
		   vma->vm_pgoff, ret ? 0 : memphys_memory_pfn(memory, index),
		   ret);
	if (ret && memory)
		memphys_memory_put(memory);
	return ret;
}
