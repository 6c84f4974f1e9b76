// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: the address space of a program: what its mapping handles stand
 * for, and the system calls that change it. They are made without libc's own
 * checks in between, so that the errors are the kernel's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

/* Mappings are laid out with at least this much space between them. */
#define ROOM		(64UL << 20)

/* Of that, what programs may count on and use. */
#define MARGIN		(16UL << 20)

/* Alignment of the start of a mapping: the largest page that is common. */
#define ALIGNMENT	(2UL << 20)

/* One of these a process; fork copies them along with what they stand for. */
static struct mapping maps[MAX_MAPS];

/* Where the kernel has put what it chose a place for itself. */
static struct mapping strays[MAX_OPS];
static unsigned int nstrays;

static bool in_room(const unsigned char *at)
{
	return (uintptr_t)at >= shared->room_start - MARGIN &&
	       (uintptr_t)at < shared->room_end;
}

/* Once a program, in its first process. */
void space_init(void)
{
	memset(maps, 0, sizeof(maps));
	nstrays = 0;
}

/* Leave nothing mapped of the program that this process has carried out. */
void space_clean_up(void)
{
	const struct rlimit endless = { RLIM_INFINITY, RLIM_INFINITY };
	unsigned int i;

	setrlimit(RLIMIT_AS, &endless);
	/* A program may map before the start of its first mapping, too. */
	munmap((void *)(shared->room_start - MARGIN),
	       shared->next_addr + MARGIN - (shared->room_start - MARGIN));
	for (i = 0; i < nstrays && i < MAX_OPS; i++)
		munmap(strays[i].base, strays[i].len);
	space_init();
}

/* Find address space that nothing else will use, for take_room(). */
void space_find_room(void)
{
	size_t size = 1UL << (sizeof(long) == 8 ? 45 : 28);
	unsigned char *room = MAP_FAILED;

	while (room == MAP_FAILED && size > ROOM) {
		size /= 2;
		room = mmap(NULL, size, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	}
	if (room == MAP_FAILED)
		return;
	munmap(room, size);

	shared->room_start = ((uintptr_t)room + ROOM) & ~(ALIGNMENT - 1);
	/* The kernel takes from the top for others: stay away from there. */
	shared->room_end = (uintptr_t)room + size / 4 * 3;
}

/* A hint that leaves room on both sides; 0 when there is no such place. */
static uint64_t take_room(uint64_t len)
{
	uint64_t at, next;

	do {
		at = shared->next_addr;
		if (at >= shared->room_end || len > shared->room_end - at)
			return 0;
		next = (at + len + ROOM + ALIGNMENT) & ~(ALIGNMENT - 1);
	} while (!__sync_bool_compare_and_swap(&shared->next_addr, at, next));
	return at;
}

/* What a handle stands for; NULL when that is nothing. */
const struct mapping *space_find(unsigned int map)
{
	return maps[map].base ? &maps[map] : NULL;
}

/*
 * Is a range the program's to change? Beside what the kernel has chosen a place
 * for lies the agent itself.
 */
bool space_owns(const unsigned char *at, uint64_t len)
{
	unsigned int i;

	if (in_room(at) || !shared->room_start)
		return true;
	for (i = 0; i < nstrays && i < MAX_OPS; i++)
		if (at >= strays[i].base &&
		    at <= strays[i].base + strays[i].len &&
		    len <= (uint64_t)(strays[i].base + strays[i].len - at))
			return true;
	return false;
}

/* @ret: what the call says; the handle stands for that, or for nothing. */
static void publish(unsigned int map, long ret, uint64_t len,
		    struct result *res)
{
	struct mapping *m = &maps[map];

	res->kind = ret == -1 ? RESULT_ERRNO : RESULT_OK;
	res->err = ret == -1 ? errno : 0;
	m->base = ret == -1 ? NULL : (unsigned char *)ret;
	m->len = len;
	if (m->base && !in_room(m->base)) {
		unsigned int i = __sync_fetch_and_add(&nstrays, 1);

		if (i < MAX_OPS)
			strays[i] = *m;
	}
}

/* The address of at=; @missing: that place is nowhere. */
uint64_t space_place_of(const struct op *op, bool *missing)
{
	const struct mapping *m = space_find(op->at_map);

	*missing = !m;
	return m ? (uintptr_t)m->base + op->at_off : 0;
}

static void run_mmap(const struct op *op, struct result *res)
{
	bool missing = false;
	uint64_t at;

	at = op->placed ? space_place_of(op, &missing) : take_room(op->len);
	if (missing) {
		res->kind = RESULT_VOID;
		return;
	}
	if (op->placed && !space_owns((unsigned char *)at, op->len)) {
		res->kind = RESULT_ERRNO;
		res->err = E2BIG;
		return;
	}
	publish(op->map, syscall(SYS_mmap, at, op->len, op->mode, op->flags,
				 op->anonymous ? -1 : calls_fd(op->file),
				 op->off), op->len, res);
}

static void run_mremap(const struct op *op, struct result *res)
{
	const struct mapping *m = space_find(op->map);
	bool missing = false;
	uint64_t at = 0;

	if (op->placed)
		at = space_place_of(op, &missing);
	if (!m || missing) {
		res->kind = RESULT_VOID;
		return;
	}
	if (!space_owns(m->base + op->off, op->len)) {
		res->kind = RESULT_ERRNO;
		res->err = E2BIG;
		return;
	}
	publish(op->to, syscall(SYS_mremap, m->base + op->off, op->len,
				op->value, op->flags, at), op->value, res);
}

/* So much more than there is now, whatever that is. */
static void run_limit(const struct op *op, struct result *res)
{
	struct rlimit limit = { 0, RLIM_INFINITY };
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;
	long ret = -1;

	calls_prepare();
	if (file && fscanf(file, "%lu", &pages) == 1) {
		limit.rlim_cur = pages * page_size + op->value;
		ret = setrlimit(RLIMIT_AS, &limit);
	}
	res->kind = ret ? RESULT_ERRNO : RESULT_OK;
	res->err = ret ? errno : 0;
	if (file)
		fclose(file);
}

static void run_mincore(unsigned char *at, uint64_t len, struct result *res)
{
	uint64_t pages = (len + page_size - 1) / page_size;
	uint64_t i;

	if (len > MAX_DATA * page_size) {
		res->kind = RESULT_ERRNO;
		res->err = E2BIG;
		return;
	}
	if (syscall(SYS_mincore, at, len, res->data)) {
		res->kind = RESULT_ERRNO;
		res->err = errno;
		return;
	}
	for (i = 0; i < pages; i++)
		res->data[i] &= 1;
	res->kind = RESULT_DATA;
	res->count = pages;
}

/* Operations on @len bytes from @at on. */
static long change(const struct op *op, unsigned char *at, uint64_t len)
{
	switch (op->kind) {
	case OP_MUNMAP:
		return syscall(SYS_munmap, at, len);
	case OP_MPROTECT:
		return syscall(SYS_mprotect, at, len, op->mode);
	case OP_MADVISE:
		return syscall(SYS_madvise, at, len, op->mode);
	case OP_MSYNC:
		return syscall(SYS_msync, at, len, op->flags);
	case OP_MLOCK:
		return syscall(SYS_mlock, at, len);
	default:
		return syscall(SYS_munlock, at, len);
	}
}

/* Operations that make a mapping, and those on all of the space. */
void space_run(const struct op *op, struct result *res)
{
	switch (op->kind) {
	case OP_MMAP:
		run_mmap(op, res);
		break;
	case OP_MREMAP:
		run_mremap(op, res);
		break;
	default:
		run_limit(op, res);
		break;
	}
}

/* @at: the place that the operation is about; @op has its length. */
void space_run_on(const struct op *op, struct result *res, unsigned char *at)
{
	long ret;

	if (op->kind == OP_MINCORE) {
		run_mincore(at, op->len, res);
		return;
	}
	ret = change(op, at, op->len);
	res->kind = ret ? RESULT_ERRNO : RESULT_OK;
	res->err = ret ? errno : 0;
}
