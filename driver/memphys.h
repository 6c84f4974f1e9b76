/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys: the structures that the files of the driver share, and the seam
 * through which another module adds a method.
 *
 * Locks, outermost first:
 *
 *   memphys_lock (region.c)	the lists of regions and of methods
 *     misc_mtx			of the misc core; held around open
 *       region->lock		opens and dead of a region
 *   mmap_lock			of mm; held around everything in map.c
 *     region->revoke_lock	held for reading while a page is mapped, for
 *				writing by who takes the region away
 *       region->memories_lock	the list of a region's memories
 *       loop->lock		one entry of the loop detector
 *
 * A file holds its region, a VMA holds its file and its memory.
 */
#ifndef MEMPHYS_H
#define MEMPHYS_H

#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <uapi/linux/memphys.h>

struct memphys_memory;
struct memphys_region;
struct module;

/* What a method needs of memory, and what a backing has. */
#define MEMPHYS_NEED_CONTIGUOUS	BIT(0)	/* one range of PFNs */
#define MEMPHYS_NEED_PAGES	BIT(1)	/* struct pages that are the driver's */
#define MEMPHYS_NEED_VMALLOC	BIT(2)	/* an area of vmalloc with VM_USERMAP */

/**
 * struct memphys_method - one way of getting pages into a page table
 * @name: how regions ask for it; its window is /dev/memphys/@name
 * @owner: module that the table lives in; held while a region or file uses it
 * @flags: set of enum memphys_method_flag, for those who compare methods
 * @needs: set of MEMPHYS_NEED_*, what memory it can map
 * @mmap: describes the mapping to the core of mm; the range has been checked
 *	and the VMA operations are chosen. @memory is NULL when each mapping
 *	has memory of its own, which is not there yet. 0 or a negative error
 * @populate: maps everything into a VMA, for calls that want one; instead of
 *	@mmap, and without @fault
 * @fault: serves one missing page, the one of @index in @memory; NULL for a
 *	method that maps everything at once
 * @huge_fault: serves 1 << @order pages around @index; VM_FAULT_FALLBACK to
 *	have a smaller @order, and in the end @fault asked
 *
 * Bounds, permission, counting, tracing and lifetime are outside: a method
 * holds what a driver author has to get right, and nothing else.
 */
struct memphys_method {
	const char *name;
	struct module *owner;
	u32 flags;
	u32 needs;
	int (*mmap)(struct vm_area_desc *desc,
		    const struct memphys_memory *memory, unsigned long index);
	int (*populate)(struct vm_area_struct *vma,
			const struct memphys_memory *memory,
			unsigned long index);
	vm_fault_t (*fault)(struct vm_fault *vmf,
			    const struct memphys_memory *memory,
			    unsigned long index);
	vm_fault_t (*huge_fault)(struct vm_fault *vmf,
				 const struct memphys_memory *memory,
				 unsigned long index, unsigned int order);
};

/**
 * struct memphys_backing_ops - one way of getting memory
 * @has: set of MEMPHYS_NEED_* that such memory satisfies
 * @alloc: fills in the fields of memory that say where it is, zeroed; NULL
 *	for memory that is there anyhow; 0 or a negative error
 * @free: undoes @alloc
 */
struct memphys_backing_ops {
	u32 has;
	int (*alloc)(struct memphys_memory *memory);
	void (*free)(struct memphys_memory *memory);
};

/**
 * struct memphys_memory - what is mapped
 * @ref: held by the region whose memory it is, and by each VMA
 * @backing: where it comes from
 * @region: where it is counted
 * @entry: in the list of the region's memories
 * @npages: length in pages
 * @base: first PFN; of contiguous memory
 * @addr: address in the kernel; NULL for phys
 * @pages: each struct page; of memory with MEMPHYS_NEED_PAGES
 */
struct memphys_memory {
	struct kref ref;
	const struct memphys_backing_ops *backing;
	struct memphys_region *region;
	struct list_head entry;
	unsigned long npages;
	unsigned long base;
	void *addr;
	struct page **pages;
};

/* Entries of a region's loop detector; a task has one by its number. */
#define MEMPHYS_LOOPS	16

/**
 * struct memphys_loop - the last fault of a task
 * @lock: protects the rest
 * @pid: of the task, in the initial namespace
 * @address: where it was
 * @count: how often in a row
 */
struct memphys_loop {
	spinlock_t lock; /* protects the rest */
	pid_t pid;
	unsigned long address;
	unsigned int count;
};

/**
 * struct memphys_region - memory under a name
 * @ref: held by the list of regions, and by each file
 * @entry: in the list of regions, under memphys_lock
 * @misc: the node
 * @name: last part of the node's path
 * @method: how it gets mapped
 * @owned: made over netlink: the method is held from birth, not only while a
 *	file is open
 * @kind: of its backing, enum memphys_backing
 * @lifetime: of its memory, enum memphys_lifetime
 * @npages: length in pages
 * @memory: what is mapped; NULL when each mapping has its own
 * @lock: protects @opens and @dead
 * @opens: files
 * @dead: cannot be opened any more
 * @inode: whose address space has all mappings of the region; no node's
 * @revoke_lock: protects @revoked against pages being mapped
 * @revoked: taken away: nothing is mapped any more
 * @memories_lock: protects @memories
 * @memories: all memory that was allocated and is not freed yet
 * @vmas: VMAs that there are
 * @faults: faults that were handled
 * @pages: pages that were put into page tables
 * @repeats: faults of a task where its last one was
 * @loops: where tasks faulted last
 */
struct memphys_region {
	struct kref ref;
	struct list_head entry;
	struct miscdevice misc;
	char name[MEMPHYS_NAME_MAX + 1];
	const struct memphys_method *method;
	bool owned;
	u32 kind;
	u32 lifetime;
	unsigned long npages;
	struct memphys_memory *memory;

	struct mutex lock; /* protects opens, dead */
	unsigned int opens;
	bool dead;
	struct inode *inode;

	struct rw_semaphore revoke_lock;
	bool revoked;

	spinlock_t memories_lock; /* protects memories */
	struct list_head memories;

	atomic64_t vmas;
	atomic64_t faults;
	atomic64_t pages;
	atomic64_t repeats;
	struct memphys_loop loops[MEMPHYS_LOOPS];
};

/**
 * struct memphys_region_spec - what a region is to be
 * @name: last part of the node's path
 * @method: how it gets mapped
 * @backing: enum memphys_backing
 * @lifetime: enum memphys_lifetime
 * @npages: length in pages
 * @base: first PFN, of a phys region
 */
struct memphys_region_spec {
	const char *name;
	const struct memphys_method *method;
	u32 backing;
	u32 lifetime;
	unsigned long npages;
	unsigned long base;
};

typedef int (*memphys_visit_method)(const struct memphys_method *method,
				    void *data);
typedef int (*memphys_visit_region)(struct memphys_region *region, void *data);

static inline struct memphys_region *memphys_file_region(const struct file *f)
{
	/* memphys_open() left it there. */
	return f->private_data;
}

/* access.c: who may touch what. The checks are pure. */
u64 memphys_limit(void);
int memphys_check_pages(u64 first, u64 count, u64 limit);
int memphys_check_bytes(loff_t pos, size_t count, u64 limit);
int memphys_check_name(const char *name);
int memphys_may_open(void);

/**
 * struct memphys_arena - RAM that the driver owns
 * @start: its first byte; NULL when there is none
 * @bytes: length, whole pages
 */
struct memphys_arena {
	void *start;
	unsigned long bytes;
};

/* arena.c: RAM that the driver owns, for tests to write to. */
#if IS_ENABLED(CONFIG_KUNIT)
extern struct memphys_arena memphys_arena;
#endif
int memphys_arena_init(void);
void memphys_arena_exit(void);
bool memphys_arena_owns(unsigned long pfn);

/* backing.c: who allocates. */
extern const struct memphys_backing_ops memphys_backings[];

/* loop.c: tasks that do not get on. */
void memphys_loops_init(struct memphys_region *region);
void memphys_loops_watch(struct memphys_region *region, unsigned long address);

/* map.c: mappings of a region. */
int memphys_mmap_prepare(struct vm_area_desc *desc);
int memphys_mmap(struct file *file, struct vm_area_struct *vma);
void memphys_count_pages(struct vm_fault *vmf, unsigned long count);

/* memory.c: birth and death of memory. */
struct memphys_memory *memphys_memory_create(struct memphys_region *region,
					     unsigned long base);
void memphys_memory_put(struct memphys_memory *memory);
unsigned long memphys_memory_pfn(const struct memphys_memory *memory,
				 unsigned long index);
void memphys_memory_drain(struct memphys_region *region);
u64 memphys_memory_references(struct memphys_region *region);

/* method.c: the methods that there are, and what goes with what. */
int memphys_register_method(const struct memphys_method *method);
int memphys_unregister_method(const struct memphys_method *method);
const struct memphys_method *memphys_method_get(const char *name);
void memphys_method_put(const struct memphys_method *method);
int memphys_visit_methods(memphys_visit_method visit, unsigned long skip,
			  void *data);
const char *memphys_refuses_backing(const struct memphys_method *method,
				    u32 backing);
const char *memphys_refuses_lifetime(const struct memphys_method *method,
				     u32 backing, u32 lifetime);

/* methods.c: the reference methods that map the PFN asked for. */
extern const struct memphys_method memphys_remap_method;
extern const struct memphys_method memphys_fault_method;
int memphys_pfn_flags(struct vm_area_desc *desc);
vm_fault_t memphys_insert_pfn(struct vm_area_struct *vma,
			      unsigned long address, unsigned long pfn);

/* methods_around.c: those that map its neighbours, too. */
extern const struct memphys_method memphys_prefault_method;
extern const struct memphys_method memphys_huge_method;

/* methods_page.c: those that map struct pages. */
extern const struct memphys_method memphys_fault_page_method;
extern const struct memphys_method memphys_insert_method;
extern const struct memphys_method memphys_insert_batch_method;
extern const struct memphys_method memphys_vmalloc_method;

/* netlink.c: the control plane. */
int memphys_netlink_init(void);
void memphys_netlink_exit(void);

/* netlink_event.c: what it tells unasked. */
void memphys_notify(u32 event, const char *name);
void memphys_notify_loop(const char *name, unsigned long address, pid_t pid,
			 unsigned int count);

/* node.c: the files under /dev/memphys. */
int memphys_node_create(struct memphys_region *region);
void memphys_node_destroy(struct memphys_region *region);

/* phys.c: the kernel's own view of memory. */
int memphys_phys_copy(void *buf, unsigned long pfn, unsigned int offset,
		      size_t len, bool write);
ssize_t memphys_phys_read(char __user *buf, size_t count, loff_t *ppos,
			  const struct memphys_memory *memory);
ssize_t memphys_phys_write(const char __user *buf, size_t count, loff_t *ppos,
			   const struct memphys_memory *memory);

/* region.c: birth, lookup and death of regions. */
extern struct mutex memphys_lock;
extern unsigned int memphys_generation;
#if IS_ENABLED(CONFIG_KUNIT)
extern unsigned long memphys_max_bytes;
#endif
int memphys_region_create(const struct memphys_region_spec *spec);
int memphys_region_delete(const char *name, bool revoke);
void memphys_region_put(struct memphys_region *region);
struct memphys_region *memphys_region_find(const char *name);
int memphys_visit_regions(memphys_visit_region visit, unsigned long skip,
			  void *data);
bool memphys_charge_bytes(unsigned long npages);
void memphys_uncharge_bytes(unsigned long npages);
struct memphys_region *memphys_window_create(const struct memphys_method *m);
void memphys_window_destroy(struct memphys_region *region);
void memphys_regions_exit(void);

/* space.c: address spaces, which know the mappings. */
struct inode *memphys_space_create(void);
int memphys_spaces_init(void);
void memphys_spaces_exit(void);

#endif /* MEMPHYS_H */
