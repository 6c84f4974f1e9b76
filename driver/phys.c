// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the kernel's own view of physical memory, behind read and write on
 * a node. It shares no code with the methods: what a mapping shows can be
 * checked against it.
 *
 * Where there is a struct page, vmap() gives an alias that is always present
 * and writable, also for pages that the direct map write-protects or leaves
 * out; it takes no reference. Elsewhere memremap() asks for the cache mode
 * that a user mapping of x86 asks for, so the two never fight over PAT.
 * Bytes pass through a bounce page: memory that another part of the kernel
 * owns may be slab, and hardened usercopy objects to copying that directly.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "memphys.h"

static void *memphys_phys_map(unsigned long pfn)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return memremap(PFN_PHYS(pfn), PAGE_SIZE, MEMREMAP_WB);

	page = pfn_to_page(pfn);
	return vmap(&page, 1, VM_MAP, PAGE_KERNEL);
}

static void memphys_phys_unmap(unsigned long pfn, void *addr)
{
	if (pfn_valid(pfn))
		vunmap(addr);
	else
		memunmap(addr);
}

/* One of memcpy_fromio() and memcpy_toio(), on one page. */
static int memphys_phys_copy(void *buf, phys_addr_t phys, size_t len,
			     bool write)
{
	unsigned long pfn = PHYS_PFN(phys);
	void __iomem *io;
	void *addr;

	addr = memphys_phys_map(pfn);
	if (!addr)
		return -EIO;

	io = (void __iomem __force *)addr + offset_in_page(phys);
	if (write)
		memcpy_toio(io, buf, len);
	else
		memcpy_fromio(buf, io, len);

	memphys_phys_unmap(pfn, addr);
	return 0;
}

static ssize_t memphys_phys_one(char __user *to, const char __user *from,
				void *bounce, size_t len, phys_addr_t phys)
{
	int ret;

	if (from && copy_from_user(bounce, from, len))
		return -EFAULT;

	ret = memphys_phys_copy(bounce, phys, len, from);
	if (ret)
		return ret;

	if (to && copy_to_user(to, bounce, len))
		return -EFAULT;

	return len;
}

/* Exactly one of @to and @from is set. */
static ssize_t memphys_phys_rw(char __user *to, const char __user *from,
			       size_t count, loff_t *ppos, unsigned long limit)
{
	size_t done = 0;
	ssize_t ret;
	void *bounce;

	if (!count)
		return 0;

	ret = memphys_check_bytes(*ppos, count, limit);
	if (ret)
		return ret;

	bounce = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!bounce)
		return -ENOMEM;

	while (done < count) {
		size_t len = min_t(size_t, count - done,
				   PAGE_SIZE - offset_in_page(*ppos));

		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}

		ret = memphys_phys_one(to ? to + done : NULL,
				       from ? from + done : NULL,
				       bounce, len, *ppos);
		if (ret < 0)
			break;

		done += len;
		*ppos += len;
		cond_resched();
	}

	free_page((unsigned long)bounce);
	return done ?: ret;
}

/**
 * memphys_phys_read() - copy physical memory to a user buffer
 * @buf: where to
 * @count: bytes
 * @ppos: physical address; moved on by what was copied
 * @limit: end of what may be read, in pages
 *
 * Return: bytes copied, fewer than asked for when a later page failed;
 * -EINVAL for a range that leaves the limit, even in part; -EFAULT for a bad
 * buffer, -EIO for memory that cannot be mapped, -ENOMEM, -EINTR when killed.
 */
ssize_t memphys_phys_read(char __user *buf, size_t count, loff_t *ppos,
			  unsigned long limit)
{
	return memphys_phys_rw(buf, NULL, count, ppos, limit);
}

/**
 * memphys_phys_write() - copy a user buffer to physical memory
 * @buf: where from
 * @count: bytes
 * @ppos: physical address; moved on by what was copied
 * @limit: end of what may be written, in pages
 *
 * Return: as memphys_phys_read().
 */
ssize_t memphys_phys_write(const char __user *buf, size_t count, loff_t *ppos,
			   unsigned long limit)
{
	return memphys_phys_rw(NULL, buf, count, ppos, limit);
}
