// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: operations that are system calls. They are made without
 * libc's own checks in between, so that the errors are the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

/* Mappings are laid out with at least this much space between them. */
#define ROOM		(64UL << 20)

/* Alignment of the start of a mapping: the largest page that is common. */
#define ALIGNMENT	(2UL << 20)

/*
 * One of these a process, whatever threads it has; fork copies them along with
 * what they stand for.
 */
static int fds[MAX_FILES];
static struct mapping {
	unsigned char *base;
	uint64_t len;
} maps[MAX_MAPS];

/* One a thread: all of them may be at it. */
static __thread unsigned char *transfer_buf;

static bool in_room(const unsigned char *at)
{
	return (uintptr_t)at >= shared->room_start &&
	       (uintptr_t)at < shared->room_end;
}

/* Once a program, in its first process. */
void calls_init(void)
{
	unsigned int i;

	for (i = 0; i < MAX_FILES; i++)
		fds[i] = -1;
	memset(maps, 0, sizeof(maps));
}

/* Leave nothing behind of the program that this process has carried out. */
void calls_clean_up(void)
{
	unsigned int i;

	munmap((void *)shared->room_start,
	       shared->next_addr - shared->room_start);
	for (i = 0; i < MAX_MAPS; i++)
		if (maps[i].base && !in_room(maps[i].base))
			munmap(maps[i].base, maps[i].len);
	for (i = 0; i < MAX_FILES; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	calls_init();
}

/* Find address space that nothing else will use, for calls_mmap(). */
void calls_find_room(void)
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

static void set_errno(struct result *res, long ret)
{
	res->kind = ret < 0 ? RESULT_ERRNO : RESULT_OK;
	res->err = ret < 0 ? errno : 0;
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

static void run_mmap(const struct op *op, struct result *res)
{
	struct mapping *m = &maps[op->map];
	long ret = syscall(SYS_mmap, take_room(op->len), op->len, op->mode,
			   op->flags, fds[op->file], op->off);

	set_errno(res, ret == -1 ? -1 : 0);
	m->base = ret == -1 ? NULL : (unsigned char *)ret;
	m->len = op->len;
}

/* The part of its mapping that an operation without len= is about. */
static uint64_t rest_of_mapping(const struct op *op)
{
	uint64_t whole = (maps[op->map].len + page_size - 1) & ~(page_size - 1);

	return op->off < whole ? whole - op->off : 0;
}

static void run_transfer(const struct op *op, struct result *res)
{
	ssize_t n;

	if (!transfer_buf) {
		transfer_buf = mmap(NULL, MAX_TRANSFER, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (transfer_buf == MAP_FAILED)
			_exit(1);
	}

	if (op->kind == OP_PWRITE) {
		if (op->ndata)
			memcpy(transfer_buf, op->data, op->ndata);
		else
			pattern(transfer_buf, op->len, op->value, op->pos);
		n = syscall(SYS_pwrite64, fds[op->file], transfer_buf, op->len,
			    op->off);
		set_errno(res, n);
		res->value = n;
		if (n >= 0)
			res->kind = RESULT_VALUE;
		return;
	}

	n = syscall(SYS_pread64, fds[op->file], transfer_buf, op->len,
		    op->off);
	set_errno(res, n);
	if (n < 0)
		return;
	res->count = n;
	if (n <= MAX_DATA) {
		res->kind = RESULT_DATA;
		memcpy(res->data, transfer_buf, n);
	} else {
		res->kind = RESULT_DIGEST;
		res->value = digest_bytes(transfer_buf, n);
	}
}

/* Off with a capability of this process, for good. */
static void run_drop(const struct op *op, struct result *res)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[2];
	unsigned int word = op->mode / 32;
	uint32_t bit = 1U << op->mode % 32;
	long ret = syscall(SYS_capget, &head, sets);

	if (!ret) {
		sets[word].effective &= ~bit;
		sets[word].permitted &= ~bit;
		sets[word].inheritable &= ~bit;
		ret = syscall(SYS_capset, &head, sets);
	}
	set_errno(res, ret);
}

static void run_on_mapping(const struct op *op, struct result *res)
{
	const struct mapping *m = &maps[op->map];
	struct op sized = *op;

	if (!m->base) {
		res->kind = RESULT_VOID;
		return;
	}
	if (op->whole)
		sized.len = rest_of_mapping(op);
	if (op->kind == OP_FILL || op->kind == OP_DIGEST) {
		sized.len -= sized.len % op->width;
		if (sized.len > MAX_RANGE) {
			/* The agent's own refusal: it would take for ever. */
			res->kind = RESULT_ERRNO;
			res->err = E2BIG;
			return;
		}
	}

	switch (op->kind) {
	case OP_MUNMAP:
		set_errno(res, syscall(SYS_munmap, m->base + op->off,
				       sized.len));
		break;
	case OP_MPROTECT:
		set_errno(res, syscall(SYS_mprotect, m->base + op->off,
				       sized.len, op->mode));
		break;
	case OP_PEEK:
		outside_peek(op, res, (uintptr_t)m->base + op->off);
		break;
	case OP_POKE:
		outside_poke(op, res, (uintptr_t)m->base + op->off);
		break;
	default:
		memory_run(&sized, res, m->base);
		break;
	}
}

/* Carry out @op in this task; what makes and ends tasks is the worker's own. */
void calls_run(const struct op *op, struct result *res)
{
	long ret;

	switch (op->kind) {
	case OP_OPEN:
		ret = syscall(SYS_openat, AT_FDCWD, op->path,
			      op->mode | O_CLOEXEC);
		set_errno(res, ret);
		if (fds[op->file] >= 0)
			close(fds[op->file]);
		fds[op->file] = ret;
		break;
	case OP_CLOSE:
		set_errno(res, syscall(SYS_close, fds[op->file]));
		fds[op->file] = -1;
		break;
	case OP_MMAP:
		run_mmap(op, res);
		break;
	case OP_PREAD:
	case OP_PWRITE:
		run_transfer(op, res);
		break;
	case OP_DROP:
		run_drop(op, res);
		break;
	case OP_REQUEST:
		outside_request(op, res);
		break;
	case OP_RMMOD:
		outside_rmmod(op, res);
		break;
	case OP_FAIL_NTH:
		outside_fail_nth(op, res);
		break;
	default:
		run_on_mapping(op, res);
		break;
	}
}
