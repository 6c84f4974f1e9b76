// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: mappings of a window. All that is the same for every method is
 * here: the range check, the choice of VMA operations, the tracepoints.
 */
#include <linux/mm.h>

#include "memphys.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static vm_fault_t memphys_fault(struct vm_fault *vmf)
{
	struct memphys_window *window = vmf->vma->vm_private_data;
	/* A method that answers RETRY has let go of the VMA: look now. */
	unsigned long start = vmf->vma->vm_start;
	unsigned long end = vmf->vma->vm_end;
	unsigned long pfn = vmf->pgoff;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	/* mmap checked the range, but never trust a VMA to stay as it was. */
	if (!memphys_check_pages(pfn, 1, window->npages))
		ret = window->method->fault(vmf, pfn);

	trace_fault(window->method->name, start, end, vmf->pgoff, vmf->address,
		    pfn, ret);
	return ret;
}

static const struct vm_operations_struct memphys_eager_vm_ops = {
};

static const struct vm_operations_struct memphys_lazy_vm_ops = {
	.fault = memphys_fault,
};

/**
 * memphys_mmap_prepare() - check a mapping and have a method describe it
 * @desc: the mapping to be
 *
 * Called by mm before anything exists: nothing is acquired here.
 *
 * Return: 0; -EINVAL for a range that leaves the window, or what the method
 * says.
 */
int memphys_mmap_prepare(struct vm_area_desc *desc)
{
	struct memphys_window *window = memphys_file_window(desc->file);
	const struct memphys_method *method = window->method;
	unsigned long pfn = desc->pgoff;
	int ret;

	ret = memphys_check_pages(pfn, vma_desc_pages(desc), window->npages);
	if (!ret) {
		desc->private_data = window;
		desc->vm_ops = method->fault ? &memphys_lazy_vm_ops :
					       &memphys_eager_vm_ops;
		ret = method->mmap(desc, pfn);
	}

	trace_mmap(method->name, desc->start, desc->end, desc->pgoff, pfn,
		   ret);
	return ret;
}
