// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: the kernel's own view of physical memory, behind read and write on
 * a node. It shares no code with the methods: what a mapping shows can be
 * checked against it.
 *
 * Where there is a struct page, vmap() gives an alias that is always present
 * and writable, also for pages that the direct map write-protects or leaves
 * out; it takes no reference. Elsewhere memremap() asks for write-back, which
 * x86 reserves for a remap window as well.
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

/**
 * memphys_phys_copy() - copy a part of a page by the kernel's own way to it
 * @buf: where to, or where from
 * @pfn: the page
 * @offset: where in it, in bytes
 * @len: bytes; not past the end of the page
 * @write: to the page, not from it
 *
 * Return: 0; -EIO for memory that cannot be mapped.
 */
int memphys_phys_copy(void *buf, unsigned long pfn, unsigned int offset,
		      size_t len, bool write)
{
	void __iomem *io;
	void *addr;

	addr = memphys_phys_map(pfn);
	if (!addr)
		return -EIO;

	io = (void __iomem __force *)addr + offset;
	if (write)
		memcpy_toio(io, buf, len);
	else
		memcpy_fromio(buf, io, len);

	memphys_phys_unmap(pfn, addr);
	return 0;
}

/* From a user's buffer, or to it, by way of a page in between. */
static int memphys_phys_one(char __user *to, const char __user *from,
			    void *bounce, unsigned long pfn,
			    unsigned int offset, size_t len)
{
	int ret;

	if (from && copy_from_user(bounce, from, len))
		return -EFAULT;

	ret = memphys_phys_copy(bounce, pfn, offset, len, from);
	if (ret)
		return ret;

	if (to && copy_to_user(to, bounce, len))
		return -EFAULT;

	return 0;
}

/* Exactly one of @to and @from is set. */
static ssize_t memphys_phys_rw(char __user *to, const char __user *from,
			       size_t count, loff_t *ppos,
			       const struct memphys_memory *memory)
{
	size_t done = 0;
	ssize_t ret;
	void *bounce;

	if (!count)
		return 0;

	ret = memphys_check_bytes(*ppos, count, memory->npages);
	if (ret)
		return ret;

	bounce = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!bounce)
		return -ENOMEM;

	while (done < count) {
		unsigned int offset = offset_in_page(*ppos);
		size_t len = min_t(size_t, count - done, PAGE_SIZE - offset);

		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}

		ret = memphys_phys_one(to ? to + done : NULL,
				       from ? from + done : NULL, bounce,
				       memphys_memory_pfn(memory,
							  *ppos >> PAGE_SHIFT),
				       offset, len);
		if (ret)
			break;

		done += len;
		*ppos += len;
		cond_resched();
	}

	free_page((unsigned long)bounce);
	return done ?: ret;
}

/**
 * memphys_phys_read() - copy memory to a user buffer
 * @buf: where to
 * @count: bytes
 * @ppos: offset in the memory; moved on by what was copied
 * @memory: what is read
 *
 * Return: bytes copied, fewer than asked for when a later page failed;
 * -EINVAL for a range that leaves the memory, even in part; -EFAULT for a bad
 * buffer, -EIO for memory that cannot be mapped, -ENOMEM, -EINTR when killed.
 */
ssize_t memphys_phys_read(char __user *buf, size_t count, loff_t *ppos,
			  const struct memphys_memory *memory)
{
	return memphys_phys_rw(buf, NULL, count, ppos, memory);
}

/**
 * memphys_phys_write() - copy a user buffer to memory
 * @buf: where from
 * @count: bytes
 * @ppos: offset in the memory; moved on by what was copied
 * @memory: what is written
 *
 * Return: as memphys_phys_read().
 */
ssize_t memphys_phys_write(const char __user *buf, size_t count, loff_t *ppos,
			   const struct memphys_memory *memory)
{
	return memphys_phys_rw(NULL, buf, count, ppos, memory);
}
