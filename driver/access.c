// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys: who may touch what. Permission to open a node, the end of physical
 * memory, and the range checks that mmap, fault, read and write share.
 *
 * The checks work in pages and subtract instead of adding, so that no sum can
 * wrap; they depend on nothing but their arguments.
 */
#include <kunit/visibility.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/security.h>

#ifdef CONFIG_X86
#include <asm/processor.h>
#endif

#include "memphys.h"

/**
 * memphys_limit() - end of what the CPU can address
 *
 * A PFN at or past it would set reserved bits in a PTE (ce56a86e2ade "x86/mm:
 * Limit mmap() of /dev/mem to valid physical addresses").
 *
 * Return: number of pages from physical address 0 on.
 */
u64 memphys_limit(void)
{
#if defined(CONFIG_X86)
	return BIT_ULL(boot_cpu_data.x86_phys_bits) >> PAGE_SHIFT;
#else
	return BIT_ULL(MAX_PHYSMEM_BITS) >> PAGE_SHIFT;
#endif
}

/**
 * memphys_check_pages() - is a range of pages inside an object?
 * @first: index of its first page
 * @count: its length in pages
 * @limit: length of the object in pages
 *
 * Return: 0, or -EINVAL for an empty range and for one that leaves the object.
 */
int memphys_check_pages(u64 first, u64 count, u64 limit)
{
	if (!count || first >= limit || count > limit - first)
		return -EINVAL;

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(memphys_check_pages);

/**
 * memphys_check_bytes() - is a range of bytes inside an object?
 * @pos: offset of its first byte
 * @count: its length in bytes
 * @limit: length of the object in pages
 *
 * Return: 0, or -EINVAL for an empty range and for one that leaves the object.
 */
int memphys_check_bytes(loff_t pos, size_t count, u64 limit)
{
	u64 first, last;

	if (pos < 0 || !count || count - 1 > LLONG_MAX - pos)
		return -EINVAL;

	first = pos >> PAGE_SHIFT;
	last = (pos + count - 1) >> PAGE_SHIFT;

	return memphys_check_pages(first, last - first + 1, limit);
}
EXPORT_SYMBOL_IF_KUNIT(memphys_check_bytes);

/**
 * memphys_check_name() - is this a name for a node?
 * @name: the last part of a path
 *
 * Return: 0, or -EINVAL for anything but 1 to 31 small letters, digits, "-"
 * and "_", the first a letter or digit.
 */
int memphys_check_name(const char *name)
{
	const char *p;

	for (p = name; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') ||
			     (*p >= '0' && *p <= '9');

		if (!plain && (p == name || (*p != '-' && *p != '_')))
			return -EINVAL;
		if (p - name == MEMPHYS_NAME_MAX)
			return -EINVAL;
	}

	return p == name ? -EINVAL : 0;
}
EXPORT_SYMBOL_IF_KUNIT(memphys_check_name);

/**
 * memphys_may_open() - may this task have raw memory?
 *
 * The same two questions that /dev/mem asks.
 *
 * Return: 0, or -EPERM without CAP_SYS_RAWIO or under kernel lockdown.
 */
int memphys_may_open(void)
{
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;

	return security_locked_down(LOCKDOWN_DEV_MEM);
}
