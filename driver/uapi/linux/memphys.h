/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/memphys.yaml */
/* YNL-GEN uapi header */
/* To regenerate run: tools/net/ynl/ynl-regen.sh */

#ifndef _UAPI_LINUX_MEMPHYS_H
#define _UAPI_LINUX_MEMPHYS_H

#define MEMPHYS_FAMILY_NAME	"memphys"
#define MEMPHYS_FAMILY_VERSION	1

/**
 * enum memphys_backing - Who allocates the memory of a region.
 * @MEMPHYS_BACKING_PHYS: Nobody. The region is a part of the physical address
 *   space, whoever owns it.
 * @MEMPHYS_BACKING_KMALLOC: The slab allocator, physically contiguous.
 * @MEMPHYS_BACKING_PAGES: The page allocator, physically contiguous.
 * @MEMPHYS_BACKING_VMALLOC: The page allocator page by page; contiguous for
 *   the kernel only.
 */
enum memphys_backing {
	MEMPHYS_BACKING_PHYS,
	MEMPHYS_BACKING_KMALLOC,
	MEMPHYS_BACKING_PAGES,
	MEMPHYS_BACKING_VMALLOC,
};

/**
 * enum memphys_lifetime - How long the memory of a region lives.
 * @MEMPHYS_LIFETIME_REGION: As long as the region, and as any mapping of it.
 * @MEMPHYS_LIFETIME_MAPPING: Each mmap() gets memory of its own, which lives
 *   as long as a VMA that came from it by split, fork or mremap.
 */
enum memphys_lifetime {
	MEMPHYS_LIFETIME_REGION,
	MEMPHYS_LIFETIME_MAPPING,
};

/**
 * enum memphys_method_flag - What is true of mappings that a method makes.
 * @MEMPHYS_METHOD_FLAG_EAGER: Everything is mapped by mmap(); without it, page
 *   by page on fault.
 * @MEMPHYS_METHOD_FLAG_PAGE: PTEs have struct pages behind them, each with a
 *   reference; without it, mere PFNs.
 * @MEMPHYS_METHOD_FLAG_GUP: get_user_pages() finds the pages.
 * @MEMPHYS_METHOD_FLAG_COW_LINEAR: A private writable mapping is kept apart
 *   from its copies by the order of its PFNs, and must be made whole by one
 *   call.
 * @MEMPHYS_METHOD_FLAG_HUGE: Uses PMD entries where addresses allow it.
 * @MEMPHYS_METHOD_FLAG_AROUND: A fault maps neighbours of its page as well.
 */
enum memphys_method_flag {
	MEMPHYS_METHOD_FLAG_EAGER = 1,
	MEMPHYS_METHOD_FLAG_PAGE = 2,
	MEMPHYS_METHOD_FLAG_GUP = 4,
	MEMPHYS_METHOD_FLAG_COW_LINEAR = 8,
	MEMPHYS_METHOD_FLAG_HUGE = 16,
	MEMPHYS_METHOD_FLAG_AROUND = 32,
};

#define MEMPHYS_NAME_MAX	31

enum {
	MEMPHYS_A_METHOD_NAME = 1,
	MEMPHYS_A_METHOD_FLAGS,
	MEMPHYS_A_METHOD_BACKINGS,
	MEMPHYS_A_METHOD_BACKINGS_MAPPING,

	__MEMPHYS_A_METHOD_MAX,
	MEMPHYS_A_METHOD_MAX = (__MEMPHYS_A_METHOD_MAX - 1)
};

enum {
	MEMPHYS_A_COUNTERS_OPENS = 1,
	MEMPHYS_A_COUNTERS_VMAS,
	MEMPHYS_A_COUNTERS_FAULTS,
	MEMPHYS_A_COUNTERS_PAGES,
	MEMPHYS_A_COUNTERS_REFERENCES,
	MEMPHYS_A_COUNTERS_REPEATS,
	MEMPHYS_A_COUNTERS_PAD,

	__MEMPHYS_A_COUNTERS_MAX,
	MEMPHYS_A_COUNTERS_MAX = (__MEMPHYS_A_COUNTERS_MAX - 1)
};

enum {
	MEMPHYS_A_REGION_NAME = 1,
	MEMPHYS_A_REGION_BACKING,
	MEMPHYS_A_REGION_METHOD,
	MEMPHYS_A_REGION_SIZE,
	MEMPHYS_A_REGION_LIFETIME,
	MEMPHYS_A_REGION_BASE,
	MEMPHYS_A_REGION_REVOKE,
	MEMPHYS_A_REGION_COUNTERS,
	MEMPHYS_A_REGION_PAD,

	__MEMPHYS_A_REGION_MAX,
	MEMPHYS_A_REGION_MAX = (__MEMPHYS_A_REGION_MAX - 1)
};

enum {
	MEMPHYS_A_EVENT_NAME = 1,
	MEMPHYS_A_EVENT_ADDRESS,
	MEMPHYS_A_EVENT_PID,
	MEMPHYS_A_EVENT_COUNT,
	MEMPHYS_A_EVENT_PAD,

	__MEMPHYS_A_EVENT_MAX,
	MEMPHYS_A_EVENT_MAX = (__MEMPHYS_A_EVENT_MAX - 1)
};

enum {
	MEMPHYS_CMD_METHOD_GET = 1,
	MEMPHYS_CMD_REGION_NEW,
	MEMPHYS_CMD_REGION_DEL,
	MEMPHYS_CMD_REGION_GET,
	MEMPHYS_CMD_REGION_NEW_NTF,
	MEMPHYS_CMD_REGION_DEL_NTF,
	MEMPHYS_CMD_REGION_REVOKED_NTF,
	MEMPHYS_CMD_FAULT_LOOP_NTF,

	__MEMPHYS_CMD_MAX,
	MEMPHYS_CMD_MAX = (__MEMPHYS_CMD_MAX - 1)
};

#define MEMPHYS_MCGRP_EVENTS	"events"

#endif /* _UAPI_LINUX_MEMPHYS_H */
