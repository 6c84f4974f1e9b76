// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: f_op->mmap for kernels before 7.3, made from the driver's
 * .mmap_prepare.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "../memphys.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)

static void memphys_compat_apply_flags(struct vm_area_struct *vma,
				       unsigned long flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags = flags;
#else
	vm_flags_set(vma, flags);
#endif
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
	vma->vm_ops = desc.vm_ops;

	if (desc.remap)
		return remap_pfn_range(vma, vma->vm_start, desc.remap_pfn,
				       memphys_compat_desc_size(&desc),
				       vma->vm_page_prot);
	return 0;
}

#endif /* LINUX_VERSION_CODE */
