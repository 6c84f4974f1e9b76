// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: files of the devices, and their memory. Nothing is wrong here.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "device.h"

/* An object with one reference, or an ERR_PTR(). */
struct faulty_object *faulty_object_create(const struct faulty_device *device)
{
	const struct faulty_memory *memory = device->memory;
	struct faulty_object *object;
	int ret;

	object = kzalloc_obj(*object);
	if (!object)
		return ERR_PTR(-ENOMEM);

	kref_init(&object->ref);
	object->memory = memory ?: &faulty_single_pages;
	ret = object->memory->alloc(object);
	if (ret) {
		kfree(object);
		return ERR_PTR(ret);
	}
	return object;
}

static void faulty_object_release(struct kref *ref)
{
	struct faulty_object *object = container_of(ref, struct faulty_object,
						    ref);

	object->memory->free(object);
	kfree(object);
}

void faulty_object_put(struct faulty_object *object)
{
	kref_put(&object->ref, faulty_object_release);
}

void faulty_object_open(struct vm_area_struct *vma)
{
	struct faulty_object *object = vma->vm_private_data;

	kref_get(&object->ref);
}

void faulty_object_close(struct vm_area_struct *vma)
{
	faulty_object_put(vma->vm_private_data);
}

int faulty_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_RAWIO) ? 0 : -EPERM;
}

loff_t faulty_llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence,
				 FAULTY_PAGES << PAGE_SHIFT);
}

/* All of it or nothing, as with a region; exactly one of @to and @from is set. */
static ssize_t faulty_rw(struct file *file, char __user *to,
			 const char __user *from, size_t count, loff_t *ppos)
{
	const struct faulty_object *object = faulty_file_device(file)->object;
	const loff_t end = FAULTY_PAGES << PAGE_SHIFT;
	size_t done, len;

	if (!object)
		return -ENXIO;
	if (!count)
		return 0;
	if (*ppos < 0 || *ppos >= end || count > end - *ppos)
		return -EINVAL;

	for (done = 0; done < count; done += len) {
		unsigned int offset = offset_in_page(*ppos);
		void *addr;

		addr = page_address(object->pages[*ppos >> PAGE_SHIFT]);
		len = min_t(size_t, count - done, PAGE_SIZE - offset);
		if (to && copy_to_user(to + done, addr + offset, len))
			return done ?: -EFAULT;
		if (from && copy_from_user(addr + offset, from + done, len))
			return done ?: -EFAULT;
		*ppos += len;
	}

	return done;
}

ssize_t faulty_read(struct file *file, char __user *buf, size_t count,
		    loff_t *ppos)
{
	return faulty_rw(file, buf, NULL, count, ppos);
}

ssize_t faulty_write(struct file *file, const char __user *buf, size_t count,
		     loff_t *ppos)
{
	return faulty_rw(file, NULL, buf, count, ppos);
}

int faulty_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct faulty_device *device = faulty_file_device(file);
	struct faulty_object *object = device->object;
	int ret;

	ret = device->check(vma->vm_pgoff, vma_pages(vma));
	if (ret)
		return ret;

	if (device->own) {
		object = faulty_object_create(device);
		if (IS_ERR(object))
			return PTR_ERR(object);
	}

	vma->vm_private_data = object;
	vma->vm_ops = device->vm_ops;
	ret = device->map(vma, object);
	/* After an error mm does not call .close. */
	if (ret && device->own)
		faulty_object_put(object);
	return ret;
}

const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.open = faulty_open,
	.llseek = faulty_llseek,
	.read = faulty_read,
	.write = faulty_write,
	.mmap = faulty_mmap,
};

static int faulty_add(struct faulty_device *device)
{
	int ret = -ENOMEM;

	if (!device->own) {
		device->object = faulty_object_create(device);
		if (IS_ERR(device->object))
			return PTR_ERR(device->object);
	}

	device->misc.minor = MISC_DYNAMIC_MINOR;
	device->misc.mode = 0600;
	device->misc.fops = device->fops ?: &faulty_fops;
	device->misc.name = kasprintf(GFP_KERNEL, "memphys!%s", device->name);
	if (!device->misc.name)
		goto err_put_object;

	device->misc.nodename = kasprintf(GFP_KERNEL, "memphys/%s",
					  device->name);
	if (!device->misc.nodename)
		goto err_free_name;

	ret = misc_register(&device->misc);
	if (ret)
		goto err_free_nodename;

	return 0;

err_free_nodename:
	kfree(device->misc.nodename);
err_free_name:
	kfree(device->misc.name);
err_put_object:
	if (device->object)
		faulty_object_put(device->object);
	return ret;
}

static void faulty_remove(struct faulty_device *devices, size_t count)
{
	while (count--) {
		misc_deregister(&devices[count].misc);
		kfree(devices[count].misc.nodename);
		kfree(devices[count].misc.name);
		if (devices[count].object)
			faulty_object_put(devices[count].object);
	}
}

static int faulty_add_all(struct faulty_device *devices, size_t count)
{
	size_t i;
	int ret;

	for (i = 0; i < count; i++) {
		ret = faulty_add(&devices[i]);
		if (ret) {
			faulty_remove(devices, i);
			return ret;
		}
	}
	return 0;
}

int faulty_devices_init(void)
{
	int ret;

	ret = faulty_add_all(faulty_right_devices, faulty_right_count);
	if (ret)
		return ret;

	ret = faulty_add_all(faulty_bounds_devices, faulty_bounds_count);
	if (ret)
		goto err_remove_right;

	ret = faulty_add_all(faulty_lock_devices, faulty_lock_count);
	if (ret)
		goto err_remove_bounds;

	ret = faulty_add_all(faulty_owner_devices, faulty_owner_count);
	if (ret)
		goto err_remove_lock;

	return 0;

err_remove_lock:
	faulty_remove(faulty_lock_devices, faulty_lock_count);
err_remove_bounds:
	faulty_remove(faulty_bounds_devices, faulty_bounds_count);
err_remove_right:
	faulty_remove(faulty_right_devices, faulty_right_count);
	return ret;
}

void faulty_devices_exit(void)
{
	faulty_remove(faulty_owner_devices, faulty_owner_count);
	faulty_remove(faulty_lock_devices, faulty_lock_count);
	faulty_remove(faulty_bounds_devices, faulty_bounds_count);
	faulty_remove(faulty_right_devices, faulty_right_count);
}
