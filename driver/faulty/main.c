// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys_faulty: methods that are wrong on purpose, one known bug each, so
 * that the test suite can show that it catches them. Each has a window, a node
 * of its name under /dev/memphys, and regions can ask for it. Bugs that no method
 * can have, as it is asked when all is checked, are devices: device.h.
 *
 * Loading this on a machine that matters would be a mistake; it asks first.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/panic.h>

#include "device.h"

static bool disposable;
module_param(disposable, bool, 0);
MODULE_PARM_DESC(disposable,
		 "Say yes only on a machine that may hang, crash or lose its memory");

static const struct memphys_method * const methods[] = {
	&faulty_broad_method,
	&faulty_busy_method,
	&faulty_completed_method,
	&faulty_cow_method,
	&faulty_crooked_method,
	&faulty_deaf_method,
	&faulty_dumped_method,
	&faulty_errno_method,
	&faulty_freed_method,
	&faulty_get_twice_method,
	&faulty_growing_method,
	&faulty_hole_method,
	&faulty_killed_method,
	&faulty_late_flags_method,
	&faulty_lazy_prot_method,
	&faulty_lock_kept_method,
	&faulty_locked_method,
	&faulty_marked_method,
	&faulty_maywrite_method,
	&faulty_no_get_method,
	&faulty_no_io_method,
	&faulty_noisy_method,
	&faulty_nopage_method,
	&faulty_not_locked_method,
	&faulty_oom_method,
	&faulty_oops_method,
	&faulty_original_method,
	&faulty_page_io_method,
	&faulty_panic_method,
	&faulty_relative_method,
	&faulty_relock_method,
	&faulty_remap_late_method,
	&faulty_reset_method,
	&faulty_retry_method,
	&faulty_retry_page_method,
	&faulty_shared_prot_method,
	&faulty_sleep_method,
	&faulty_spin_method,
	&faulty_stuck_method,
	&faulty_swapped_method,
	&faulty_uncached_method,
	&faulty_uncounted_method,
	&faulty_unlocked_method,
	&faulty_unmarked_method,
	&faulty_unmixed_method,
	&faulty_virt_method,
	&faulty_warn_method,
	&faulty_zero_method,
};

static struct memphys_region *windows[ARRAY_SIZE(methods)];

/* As the reference method fault does it. */
int faulty_lazy_mmap(struct vm_area_desc *desc,
		     const struct memphys_memory *memory, unsigned long index)
{
	return memphys_pfn_flags(desc);
}

/* As fault-page does it. VM_RESERVED became these two in 3.7 (314e51b9851b). */
int faulty_page_mmap(struct vm_area_desc *desc,
		     const struct memphys_memory *memory, unsigned long index)
{
	vma_desc_set_flags(desc, VMA_DONTEXPAND_BIT, VMA_DONTDUMP_BIT);
	return 0;
}

/* What the right lazy handler of PFNs does. */
vm_fault_t faulty_insert_pfn(struct vm_fault *vmf, unsigned long pfn)
{
	if (vmf->vma->vm_flags & VM_MIXEDMAP)
		return vmf_insert_mixed(vmf->vma, vmf->address, pfn);

	return vmf_insert_pfn(vmf->vma, vmf->address, pfn);
}

vm_fault_t faulty_lazy_fault(struct vm_fault *vmf,
			     const struct memphys_memory *memory,
			     unsigned long index)
{
	return faulty_insert_pfn(vmf, memphys_memory_pfn(memory, index));
}

/* Pages that a reference may be taken of: those of nobody else. */
bool faulty_is_ours(const struct memphys_memory *memory, unsigned long pfn)
{
	return memory->pages || memphys_arena_owns(pfn);
}

/* What the right handler of pages does. */
vm_fault_t faulty_page_fault(struct vm_fault *vmf,
			     const struct memphys_memory *memory,
			     unsigned long index)
{
	unsigned long pfn = memphys_memory_pfn(memory, index);

	if (!faulty_is_ours(memory, pfn))
		return VM_FAULT_SIGBUS;

	vmf->page = pfn_to_page(pfn);
	get_page(vmf->page);
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

static int faulty_add(size_t i)
{
	int ret;

	windows[i] = memphys_window_create(methods[i]);
	if (IS_ERR(windows[i]))
		return PTR_ERR(windows[i]);

	ret = memphys_register_method(methods[i]);
	if (ret)
		memphys_window_destroy(windows[i]);
	return ret;
}

static void faulty_remove(size_t count)
{
	while (count--) {
		/* A region would hold this module: none uses the method. */
		WARN_ON(memphys_unregister_method(methods[count]));
		memphys_window_destroy(windows[count]);
	}
}

static int __init faulty_init(void)
{
	size_t i;
	int ret;

	if (!disposable) {
		pr_err("these methods hang and crash: refused without disposable=1\n");
		return -EPERM;
	}

	/* Whatever comes of it is no bug of this kernel. */
	add_taint(TAINT_TEST, LOCKDEP_STILL_OK);

	for (i = 0; i < ARRAY_SIZE(methods); i++) {
		ret = faulty_add(i);
		if (ret)
			goto err_remove;
	}

	ret = faulty_devices_init();
	if (ret)
		goto err_remove;

	return 0;

err_remove:
	faulty_remove(i);
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	faulty_devices_exit();
	faulty_remove(ARRAY_SIZE(methods));
}
module_exit(faulty_exit);

MODULE_AUTHOR("The memphys authors");
MODULE_DESCRIPTION("mmap methods that are wrong on purpose");
MODULE_LICENSE("GPL");
