// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: f_op->mmap for kernels before 7.3, made from the driver's
 * .mmap_prepare.
 */
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mutex.h>

#include "../memphys.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)

#undef vm_operations_struct

/**
 * struct memphys_compat_ops - a table of the kernel's, made from the driver's
 * @real: for the VMA
 * @from: the driver's, NULL when this is free
 */
struct memphys_compat_ops {
	struct vm_operations_struct real;
	const struct memphys_compat_vm_ops *from;
};

/* Filled in once and never changed, under the lock. */
static struct memphys_compat_ops compat_ops[8];
static DEFINE_MUTEX(compat_ops_lock);

static const struct memphys_compat_ops *
memphys_compat_ops_of(struct vm_area_struct *vma)
{
	return container_of(vma->vm_ops, struct memphys_compat_ops, real);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static vm_fault_t memphys_compat_huge_fault(struct vm_fault *vmf,
					    enum page_entry_size size)
{
	unsigned int order = size == PE_SIZE_PMD ? PMD_ORDER : PUD_ORDER;

	if (size == PE_SIZE_PTE)
		return VM_FAULT_FALLBACK;

	return memphys_compat_ops_of(vmf->vma)->from->huge_fault(vmf, order);
}
#else
static vm_fault_t memphys_compat_huge_fault(struct vm_fault *vmf,
					    unsigned int order)
{
	return memphys_compat_ops_of(vmf->vma)->from->huge_fault(vmf, order);
}
#endif

static void memphys_compat_fill(struct memphys_compat_ops *ops,
				const struct memphys_compat_vm_ops *from)
{
	ops->from = from;
	ops->real.open = from->open;
	ops->real.close = from->close;
	ops->real.fault = from->fault;
	ops->real.access = from->access;
	if (from->huge_fault)
		ops->real.huge_fault = memphys_compat_huge_fault;
}

int memphys_compat_set_ops(struct vm_area_struct *vma,
			   const struct memphys_compat_vm_ops *ops)
{
	int ret = -ENOSPC;
	size_t i;

	mutex_lock(&compat_ops_lock);
	for (i = 0; i < ARRAY_SIZE(compat_ops); i++) {
		if (!compat_ops[i].from)
			memphys_compat_fill(&compat_ops[i], ops);
		if (compat_ops[i].from == ops) {
			vma->vm_ops = &compat_ops[i].real;
			ret = 0;
			break;
		}
	}
	mutex_unlock(&compat_ops_lock);
	return ret;
}

static void memphys_compat_apply_flags(struct vm_area_struct *vma,
				       vm_flags_t flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags = flags;
#else
	vm_flags_set(vma, flags);
#endif
}

static int memphys_compat_act(const struct memphys_compat_desc *desc,
			      struct vm_area_struct *vma)
{
	unsigned long left = memphys_compat_desc_pages(desc);

	if (desc->remap)
		return remap_pfn_range(vma, vma->vm_start, desc->remap_pfn,
				       memphys_compat_desc_size(desc),
				       vma->vm_page_prot);
	if (desc->pages)
		return vm_insert_pages(vma, vma->vm_start, desc->pages, &left);

	return 0;
}

int (memphys_mmap_prepare)(struct file *file, struct vm_area_struct *vma)
{
	struct memphys_compat_desc desc = {
		.file = file,
		.start = vma->vm_start,
		.end = vma->vm_end,
		.pgoff = vma->vm_pgoff,
		.vm_flags = vma->vm_flags,
		.page_prot = vma->vm_page_prot,
	};
	int ret;

	ret = memphys_compat_prepare(&desc);
	if (ret)
		return ret;

	memphys_compat_apply_flags(vma, desc.vm_flags);
	vma->vm_page_prot = desc.page_prot;
	vma->vm_private_data = desc.private_data;
	ret = memphys_compat_set_ops(vma, desc.vm_ops);
	if (ret)
		return ret;

	ret = memphys_compat_act(&desc, vma);
	if (ret || !desc.vm_ops->mapped)
		return ret;

	return desc.vm_ops->mapped(vma->vm_start, vma->vm_end, desc.pgoff, file,
				   &vma->vm_private_data);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
int follow_pfnmap_start(struct follow_pfnmap_args *args)
{
	int ret;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	ret = follow_pte(args->vma->vm_mm, args->address, &args->ptep,
			 &args->lock);
#else
	ret = follow_pte(args->vma, args->address, &args->ptep, &args->lock);
#endif
	if (ret)
		return ret;

	args->pfn = pte_pfn(*args->ptep);
	return 0;
}
EXPORT_SYMBOL_GPL(follow_pfnmap_start);

void follow_pfnmap_end(struct follow_pfnmap_args *args)
	__releases(args->lock)
{
	pte_unmap_unlock(args->ptep, args->lock);
}
EXPORT_SYMBOL_GPL(follow_pfnmap_end);
#endif

#endif /* LINUX_VERSION_CODE */
