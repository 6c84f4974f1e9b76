/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys: what the driver takes from mainline and an older kernel lacks.
 *
 * The driver is written for f_op->mmap_prepare as of 7.3. Kbuild puts this
 * header in front of every file of it, so that on an older kernel the same
 * source becomes an f_op->mmap driver. This directory is the only place that
 * knows kernel versions; it is not submitted.
 */
#ifndef MEMPHYS_COMPAT_H
#define MEMPHYS_COMPAT_H

/* Ahead of the headers below, to the letter as in the files that print. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#include <linux/pfn_t.h>
#endif

/* The namespace was a word, not a string. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0) && IS_ENABLED(CONFIG_KUNIT)
#include <linux/module.h>
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)
#endif

#ifndef kzalloc_obj
#define kzalloc_obj(obj)	kzalloc(sizeof(obj), GFP_KERNEL)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/*
 * Kernels between 6.16 and 7.2 have some of these names with another shape,
 * so every one of them is renamed, not just supplied.
 */
#define vm_area_desc		memphys_compat_desc
#define vma_desc_size		memphys_compat_desc_size
#define vma_desc_pages		memphys_compat_desc_pages
#define vma_desc_is_cow_mapping	memphys_compat_desc_is_cow
#define vma_desc_test		memphys_compat_desc_test
#define vma_is_cow_mapping(vma)	is_cow_mapping((vma)->vm_flags)
#define mmap_action_remap_full	memphys_compat_remap_full
#define mmap_action_map_kernel_pages_full	memphys_compat_map_pages_full
#define vm_operations_struct	memphys_compat_vm_ops

/*
 * struct memphys_compat_vm_ops - what the driver uses of 7.3's struct
 * vm_operations_struct; compat.c makes the kernel's own from it.
 */
struct memphys_compat_vm_ops {
	void (*open)(struct vm_area_struct *vma);
	void (*close)(struct vm_area_struct *vma);
	int (*mapped)(unsigned long start, unsigned long end, pgoff_t pgoff,
		      const struct file *file, void **vm_private_data);
	vm_fault_t (*fault)(struct vm_fault *vmf);
	vm_fault_t (*huge_fault)(struct vm_fault *vmf, unsigned int order);
	int (*access)(struct vm_area_struct *vma, unsigned long addr,
		      void *buf, int len, int write);
};

int memphys_compat_set_ops(struct vm_area_struct *vma,
			   const struct memphys_compat_vm_ops *ops);

/* There are far fewer tables than this can fail for. */
#define memphys_vma_set_ops(vma, ops) \
	((void)memphys_compat_set_ops(vma, ops))

/*
 * struct memphys_compat_desc - the part of 7.3's struct vm_area_desc that the
 * driver uses. @remap asks for remap_pfn_range() from @remap_pfn on, @pages
 * for vm_insert_pages().
 */
struct memphys_compat_desc {
	struct file *file;
	unsigned long start;
	unsigned long end;
	pgoff_t pgoff;
	vm_flags_t vm_flags;
	pgprot_t page_prot;
	const struct memphys_compat_vm_ops *vm_ops;
	void *private_data;
	bool remap;
	unsigned long remap_pfn;
	struct page **pages;
};

static inline unsigned long
memphys_compat_desc_size(const struct memphys_compat_desc *desc)
{
	return desc->end - desc->start;
}

static inline unsigned long
memphys_compat_desc_pages(const struct memphys_compat_desc *desc)
{
	return memphys_compat_desc_size(desc) >> PAGE_SHIFT;
}

static inline bool
memphys_compat_desc_is_cow(const struct memphys_compat_desc *desc)
{
	return is_cow_mapping(desc->vm_flags);
}

static inline bool
memphys_compat_desc_test(const struct memphys_compat_desc *desc, int bit)
{
	return desc->vm_flags & BIT(bit);
}

static inline void
memphys_compat_remap_full(struct memphys_compat_desc *desc, unsigned long pfn)
{
	desc->remap = true;
	desc->remap_pfn = pfn;
}

static inline void
memphys_compat_map_pages_full(struct memphys_compat_desc *desc,
			      struct page **pages)
{
	desc->pages = pages;
}

/* Flags go by bit number in mainline: those that are used are here. */
#undef VMA_READ_BIT
#undef VMA_WRITE_BIT
#undef VMA_SHARED_BIT
#undef VMA_MAYREAD_BIT
#undef VMA_MAYWRITE_BIT
#undef VMA_MAYSHARE_BIT
#undef VMA_PFNMAP_BIT
#undef VMA_MIXEDMAP_BIT
#undef VMA_IO_BIT
#undef VMA_DONTEXPAND_BIT
#undef VMA_DONTDUMP_BIT
#define VMA_READ_BIT		ilog2(VM_READ)
#define VMA_WRITE_BIT		ilog2(VM_WRITE)
#define VMA_SHARED_BIT		ilog2(VM_SHARED)
#define VMA_MAYREAD_BIT		ilog2(VM_MAYREAD)
#define VMA_MAYWRITE_BIT	ilog2(VM_MAYWRITE)
#define VMA_MAYSHARE_BIT	ilog2(VM_MAYSHARE)
#define VMA_PFNMAP_BIT		ilog2(VM_PFNMAP)
#define VMA_MIXEDMAP_BIT	ilog2(VM_MIXEDMAP)
#define VMA_IO_BIT		ilog2(VM_IO)
#define VMA_DONTEXPAND_BIT	ilog2(VM_DONTEXPAND)
#define VMA_DONTDUMP_BIT	ilog2(VM_DONTDUMP)

static inline void memphys_compat_set_flags(struct memphys_compat_desc *desc,
					    const int *bits, size_t count)
{
	while (count--)
		desc->vm_flags |= BIT(bits[count]);
}

#undef vma_desc_set_flags
#define vma_desc_set_flags(desc, ...)					\
do {									\
	const int __bits[] = { __VA_ARGS__ };				\
									\
	memphys_compat_set_flags(desc, __bits, ARRAY_SIZE(__bits));	\
} while (0)

/*
 * The PFN of these was a pfn_t until 6.17. PFN_DEV without PFN_MAP says "no
 * struct page is meant", so the entry becomes a special one.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define vmf_insert_mixed(vma, addr, pfn) \
	vmf_insert_mixed(vma, addr, __pfn_to_pfn_t(pfn, PFN_DEV))
#define vmf_insert_pfn_pmd(vmf, pfn, write) \
	vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write)
#endif

/* 7.3 has it for all; it came with fdc724d6aa44, "mm: use per-VMA locks ...". */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define release_fault_lock(vmf)	mmap_read_unlock((vmf)->vma->vm_mm)
#endif

#ifndef PMD_ORDER
#define PMD_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#endif
#ifndef PUD_ORDER
#define PUD_ORDER	(PUD_SHIFT - PAGE_SHIFT)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
/* struct follow_pfnmap_args - as far as the driver uses it */
struct follow_pfnmap_args {
	struct vm_area_struct *vma;
	unsigned long address;
	spinlock_t *lock; /* of the PTE */
	pte_t *ptep;
	unsigned long pfn;
};

int follow_pfnmap_start(struct follow_pfnmap_args *args);
void follow_pfnmap_end(struct follow_pfnmap_args *args);
#endif

/*
 * In the table of file operations, ".mmap_prepare = memphys_mmap_prepare" is
 * to read ".mmap = memphys_mmap_prepare", the latter being compat.c's function
 * with the arguments of f_op->mmap. The driver's own, which is the only thing
 * spelled with a parenthesis behind it, gets another name.
 */
#define mmap_prepare			mmap
#define memphys_mmap_prepare(desc)	memphys_compat_prepare(desc)

int (memphys_mmap_prepare)(struct file *file, struct vm_area_struct *vma);

#include "genl.h"

#else /* LINUX_VERSION_CODE */

#define memphys_vma_set_ops(vma, ops)	((vma)->vm_ops = (ops))

#endif /* LINUX_VERSION_CODE */
#endif /* MEMPHYS_COMPAT_H */
