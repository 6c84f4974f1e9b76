// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: devices that copy to a user under a lock which a fault may
 * need, or whoever holds mmap_lock.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "device.h"

/*
 * read() copies under a lock that mmap takes, too: one orders it before
 * mmap_lock, the other behind (b34e9a1, "uio: fix possible circular locking
 * dependency").
 */
static DEFINE_MUTEX(faulty_crossed); /* protects nothing; it is in the way */

static ssize_t faulty_crossed_read(struct file *file, char __user *buf,
				   size_t count, loff_t *ppos)
{
	ssize_t ret;

	mutex_lock(&faulty_crossed);
	ret = faulty_read(file, buf, count, ppos);
	mutex_unlock(&faulty_crossed);
	return ret;
}

static int faulty_crossed_mmap(struct file *file, struct vm_area_struct *vma)
{
	int ret;

	mutex_lock(&faulty_crossed);
	ret = faulty_mmap(file, vma);
	mutex_unlock(&faulty_crossed);
	return ret;
}

static const struct file_operations faulty_crossed_fops = {
	.owner = THIS_MODULE,
	.open = faulty_open,
	.llseek = faulty_llseek,
	.read = faulty_crossed_read,
	.write = faulty_write,
	.mmap = faulty_crossed_mmap,
};

/*
 * The same lock in the handler. A user who has the file read into a mapping of
 * it waits for himself (CVE-2023-52615, "hwrng: core - Fix page fault dead lock on
 * mmap-ed hwrng"; b01720bfcdf9, "drm/i915: Prefault before locking pages in
 * shmem_pwrite").
 */
static DEFINE_MUTEX(faulty_copying); /* protects nothing; it is in the way */

static ssize_t faulty_copying_read(struct file *file, char __user *buf,
				   size_t count, loff_t *ppos)
{
	ssize_t ret;

	mutex_lock(&faulty_copying);
	ret = faulty_read(file, buf, count, ppos);
	mutex_unlock(&faulty_copying);
	return ret;
}

static vm_fault_t faulty_copying_fault(struct vm_fault *vmf)
{
	vm_fault_t ret;

	if (faulty_check(vmf->pgoff, 1))
		return VM_FAULT_SIGBUS;

	mutex_lock(&faulty_copying);
	ret = faulty_serve_page(vmf, vmf->pgoff);
	mutex_unlock(&faulty_copying);
	return ret;
}

static const struct file_operations faulty_copying_fops = {
	.owner = THIS_MODULE,
	.open = faulty_open,
	.llseek = faulty_llseek,
	.read = faulty_copying_read,
	.write = faulty_write,
	.mmap = faulty_mmap,
};

static const struct vm_operations_struct faulty_copying_ops = {
	.fault = faulty_copying_fault,
};

struct faulty_device faulty_lock_devices[] = {
	{
		.name = "crossed",
		.fops = &faulty_crossed_fops,
		.check = faulty_check,
		.map = faulty_map_pages,
		.vm_ops = &faulty_page_ops,
	},
	{
		.name = "copying",
		.fops = &faulty_copying_fops,
		.check = faulty_check,
		.map = faulty_map_pages,
		.vm_ops = &faulty_copying_ops,
	},
};

const size_t faulty_lock_count = ARRAY_SIZE(faulty_lock_devices);
