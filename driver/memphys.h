/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys: the structures that the files of the driver share, and the seam
 * through which another module adds a method.
 *
 * Locks: memphys has none of its own yet. Windows are created and destroyed
 * from module init and exit only; the misc core serialises that against open
 * with its own mutex, and the module references taken in open keep a method
 * and its window alive while a file, and with it any VMA, exists.
 */
#ifndef MEMPHYS_H
#define MEMPHYS_H

#include <linux/container_of.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/types.h>

struct module;

/**
 * struct memphys_method - one way of getting pages into a page table
 * @name: last part of the node's name under /dev/memphys
 * @owner: module that the table lives in; held while a node is open
 * @mmap: describes the mapping to the core of mm; every range has been
 *	checked and the VMA operations are chosen before it is called; 0 or a
 *	negative error
 * @fault: serves one missing page, @pfn being the one that belongs there;
 *	NULL for a method that maps everything at once
 *
 * Bounds, permission, tracing and lifetime are outside: a method holds what a
 * driver author has to get right, and nothing else.
 */
struct memphys_method {
	const char *name;
	struct module *owner;
	int (*mmap)(struct vm_area_desc *desc, unsigned long pfn);
	vm_fault_t (*fault)(struct vm_fault *vmf, unsigned long pfn);
};

/**
 * struct memphys_window - physical memory through one method
 * @misc: the node
 * @method: how pages get into a page table
 * @npages: length in pages, from physical address 0 on
 */
struct memphys_window {
	struct miscdevice misc;
	const struct memphys_method *method;
	unsigned long npages;
};

static inline struct memphys_window *memphys_file_window(struct file *file)
{
	/* misc_open() left the miscdevice there. */
	return container_of(file->private_data, struct memphys_window, misc);
}

/* access.c: who may touch what. The checks are pure. */
unsigned long memphys_limit(void);
int memphys_check_pages(unsigned long first, unsigned long count,
			unsigned long limit);
int memphys_check_bytes(loff_t pos, size_t count, unsigned long limit);
int memphys_may_open(void);

/* arena.c: RAM that the driver owns, for tests to write to. */
int memphys_arena_init(void);
void memphys_arena_exit(void);
bool memphys_arena_owns(unsigned long pfn);

/* map.c: mappings of a window. */
int memphys_mmap_prepare(struct vm_area_desc *desc);

/* methods.c: the reference methods. */
extern const struct memphys_method memphys_remap_method;
extern const struct memphys_method memphys_fault_method;

/* phys.c: the kernel's own view of physical memory. */
ssize_t memphys_phys_read(char __user *buf, size_t count, loff_t *ppos,
			  unsigned long limit);
ssize_t memphys_phys_write(const char __user *buf, size_t count, loff_t *ppos,
			   unsigned long limit);

/* window.c: nodes that show all of physical memory through one method. */
struct memphys_window *memphys_window_create(const struct memphys_method *m);
void memphys_window_destroy(struct memphys_window *window);

#endif /* MEMPHYS_H */
