/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys_faulty: devices, for the bugs that a method of memphys cannot have, as
 * bounds, VMA operations and files are the driver's there.
 *
 * A device is a small driver of its own, as most are written: f_op->mmap, and
 * the kernel's own table of VMA operations on any version. Those whose names
 * begin with "right" have nothing wrong.
 */
#ifndef MEMPHYS_FAULTY_DEVICE_H
#define MEMPHYS_FAULTY_DEVICE_H

#include "faulty.h"

#undef vm_operations_struct

struct faulty_object;

/* Pages of a device, as many as a region of the tests has. */
#define FAULTY_PAGES	128UL

/* What happens to lie behind them: the driver's own, and nobody's business. */
#define FAULTY_BEHIND	8UL

/**
 * struct faulty_memory - where memory of a device comes from
 * @alloc: fills in the pages, zeroed; 0 or a negative error
 * @free: undoes @alloc
 */
struct faulty_memory {
	int (*alloc)(struct faulty_object *object);
	void (*free)(struct faulty_object *object);
};

/**
 * struct faulty_object - memory of a device
 * @ref: held by the device, or by each VMA where every mapping has its own
 * @memory: where it comes from
 * @pages: FAULTY_PAGES of them, and FAULTY_BEHIND that are not to be mapped
 */
struct faulty_object {
	struct kref ref;
	const struct faulty_memory *memory;
	struct page *pages[FAULTY_PAGES + FAULTY_BEHIND];
};

/**
 * struct faulty_device - a device under /dev/memphys
 * @name: its node
 * @memory: where it comes from; NULL: as all of them
 * @fops: of its files; NULL: as all of them
 * @vm_ops: of its VMAs
 * @check: are these pages of a mapping inside of the object? 0 or -EINVAL
 * @map: sets up a VMA whose vm_private_data is the object; 0 or an error
 * @own: each mapping has an object of its own; @vm_ops put it
 * @object: else the one for all
 * @misc: the node
 */
struct faulty_device {
	const char *name;
	const struct faulty_memory *memory;
	const struct file_operations *fops;
	const struct vm_operations_struct *vm_ops;
	int (*check)(unsigned long first, unsigned long count);
	int (*map)(struct vm_area_struct *vma, struct faulty_object *object);
	bool own;
	struct faulty_object *object;
	struct miscdevice misc;
};

/* device.c: the right way to do each thing. */
extern struct faulty_device faulty_right_devices[];
extern const size_t faulty_right_count;
extern const struct faulty_memory faulty_single_pages;
extern const struct vm_operations_struct faulty_remap_ops;
extern const struct vm_operations_struct faulty_frame_ops;
extern const struct vm_operations_struct faulty_page_ops;
extern const struct vm_operations_struct faulty_insert_ops;
int faulty_devices_init(void);
void faulty_devices_exit(void);
int faulty_check(unsigned long first, unsigned long count);
int faulty_map_remap(struct vm_area_struct *vma, struct faulty_object *object);
int faulty_map_frames(struct vm_area_struct *vma, struct faulty_object *object);
int faulty_map_pages(struct vm_area_struct *vma, struct faulty_object *object);
int faulty_map_insert(struct vm_area_struct *vma, struct faulty_object *object);
vm_fault_t faulty_serve_frame(struct vm_fault *vmf, unsigned long index);
vm_fault_t faulty_serve_page(struct vm_fault *vmf, unsigned long index);
int faulty_access(struct vm_area_struct *vma, unsigned long addr, void *buf,
		  int len, int write);
void faulty_object_open(struct vm_area_struct *vma);
void faulty_object_close(struct vm_area_struct *vma);
void faulty_object_put(struct faulty_object *object);

/* file.c: what is done with a file. */
extern const struct file_operations faulty_fops;
int faulty_open(struct inode *inode, struct file *file);
ssize_t faulty_read(struct file *file, char __user *buf, size_t count,
		    loff_t *ppos);
ssize_t faulty_write(struct file *file, const char __user *buf, size_t count,
		     loff_t *ppos);
loff_t faulty_llseek(struct file *file, loff_t offset, int whence);
int faulty_mmap(struct file *file, struct vm_area_struct *vma);
struct faulty_object *faulty_object_create(const struct faulty_device *device);

static inline struct faulty_device *faulty_file_device(const struct file *file)
{
	/* misc_open() left the miscdevice there. */
	return container_of(file->private_data, struct faulty_device, misc);
}

/* bounds.c, lock.c, owner.c: the wrong ones. */
extern struct faulty_device faulty_bounds_devices[];
extern const size_t faulty_bounds_count;
extern struct faulty_device faulty_lock_devices[];
extern const size_t faulty_lock_count;
extern struct faulty_device faulty_owner_devices[];
extern const size_t faulty_owner_count;

#endif /* MEMPHYS_FAULTY_DEVICE_H */
