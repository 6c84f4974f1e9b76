// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: operations that are system calls. They are made without
 * libc's own checks in between, so that the errors are the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

/*
 * One of these a process, whatever threads it has; fork copies them along with
 * what they stand for.
 */
static int fds[MAX_FILES];

/* One a thread: all of them may be at it. */
static __thread unsigned char *transfer_buf;

/* Once a program, in its first process. */
void calls_init(void)
{
	unsigned int i;

	for (i = 0; i < MAX_FILES; i++)
		fds[i] = -1;
	space_init();
	memory_forget();
}

/* Leave nothing behind of the program that this process has carried out. */
void calls_clean_up(void)
{
	unsigned int i;

	space_clean_up();
	for (i = 0; i < MAX_FILES; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	calls_init();
}

/* The descriptor of a file handle; -1 when there is none. */
int calls_fd(unsigned int file)
{
	return fds[file];
}

static void set_errno(struct result *res, long ret)
{
	res->kind = ret < 0 ? RESULT_ERRNO : RESULT_OK;
	res->err = ret < 0 ? errno : 0;
}

/* The part of its mapping that an operation without len= is about. */
static uint64_t rest_of_mapping(const struct mapping *m, const struct op *op)
{
	uint64_t whole = (m->len + page_size - 1) & ~(page_size - 1);

	return op->off < whole ? whole - op->off : 0;
}

/* Have what transfers and digests need, while the process may still map it. */
void calls_prepare(void)
{
	memory_prepare();
	if (transfer_buf)
		return;
	transfer_buf = mmap(NULL, MAX_TRANSFER, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (transfer_buf == MAP_FAILED)
		_exit(1);
}

/* A file into a mapping, which may be one of that file. */
static void run_pread_at(const struct op *op, struct result *res)
{
	bool missing;
	uint64_t at = space_place_of(op, &missing);
	ssize_t n;

	if (missing) {
		res->kind = RESULT_VOID;
		return;
	}
	if (!space_owns((unsigned char *)at, op->len)) {
		res->kind = RESULT_ERRNO;
		res->err = E2BIG;
		return;
	}
	n = syscall(SYS_pread64, fds[op->file], at, op->len, op->off);
	set_errno(res, n);
	if (n >= 0)
		res->kind = RESULT_VALUE;
	res->value = n;
}

static void run_transfer(const struct op *op, struct result *res)
{
	ssize_t n;

	if (op->placed) {
		run_pread_at(op, res);
		return;
	}
	calls_prepare();

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

/* The file handle stands for @fd, or for nothing. */
static void publish(const struct op *op, struct result *res, long fd)
{
	set_errno(res, fd);
	if (fds[op->file] >= 0)
		close(fds[op->file]);
	fds[op->file] = fd;
}

/*
 * The device of a file by a node of its own, and so by an inode of its own; its
 * descriptor, or -1. Nobody else finds that node, and none is left behind.
 */
static int open_by_other_node(const struct op *op)
{
	struct stat of;
	char path[32];
	int fd, err;

	if (fstat(fds[op->of], &of))
		return -1;
	if (!S_ISCHR(of.st_mode)) {
		errno = ENODEV;
		return -1;
	}

	snprintf(path, sizeof(path), "/tmp/memphys-%d", gettid());
	if (mknod(path, S_IFCHR | 0600, of.st_rdev))
		return -1;
	fd = open(path, op->mode | O_CLOEXEC);
	err = errno;
	unlink(path);
	errno = err;
	return fd;
}

static void run_lseek(const struct op *op, struct result *res)
{
	long ret = syscall(SYS_lseek, fds[op->file], op->value, op->mode);

	set_errno(res, ret);
	if (ret >= 0)
		res->kind = RESULT_VALUE;
	res->value = ret;
}

static void run_on_mapping(const struct op *op, struct result *res)
{
	const struct mapping *m = space_find(op->map);
	struct op sized = *op;

	if (!m) {
		res->kind = RESULT_VOID;
		return;
	}
	if (op->whole)
		sized.len = rest_of_mapping(m, op);
	if (op->kind == OP_FILL || op->kind == OP_DIGEST) {
		sized.len -= sized.len % op->width;
		if (sized.len > MAX_RANGE) {
			/* The agent's own refusal: it would take for ever. */
			res->kind = RESULT_ERRNO;
			res->err = E2BIG;
			return;
		}
	}

	if (!space_owns(m->base + op->off, sized.len)) {
		/* So is this: nobody knows what is there. */
		res->kind = RESULT_ERRNO;
		res->err = E2BIG;
		return;
	}

	switch (op->kind) {
	case OP_PEEK:
	case OP_POKE:
		visit_run(op, res, (uintptr_t)m->base + op->off);
		break;
	case OP_PAGEMAP:
	case OP_KPAGEFLAGS:
	case OP_KPAGECOUNT:
	case OP_SMAPS:
		look_run(&sized, res, (uintptr_t)m->base + op->off);
		break;
	case OP_USERFAULT:
		userfault_run(&sized, res, m->base + op->off);
		break;
	case OP_LOAD:
	case OP_STORE:
	case OP_FILL:
	case OP_DIGEST:
		memory_run(&sized, res, m->base);
		break;
	default:
		space_run_on(&sized, res, m->base + op->off);
		break;
	}
}

/* Carry out @op in this task; what makes and ends tasks is the worker's own. */
void calls_run(const struct op *op, struct result *res)
{
	long ret;

	switch (op->kind) {
	case OP_OPEN:
		publish(op, res, syscall(SYS_openat, AT_FDCWD, op->path,
					 op->mode | O_CLOEXEC));
		break;
	case OP_CLOSE:
		set_errno(res, syscall(SYS_close, fds[op->file]));
		fds[op->file] = -1;
		break;
	case OP_MKNOD:
		publish(op, res, open_by_other_node(op));
		break;
	case OP_LSEEK:
		run_lseek(op, res);
		break;
	case OP_MEMFD:
		ret = syscall(SYS_memfd_create, "mp", MFD_CLOEXEC);
		if (ret >= 0 && ftruncate(ret, op->value)) {
			close(ret);
			ret = -1;
		}
		publish(op, res, ret);
		break;
	case OP_MMAP:
	case OP_MREMAP:
	case OP_LIMIT:
		space_run(op, res);
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
	case OP_INSMOD:
		outside_insmod(op, res);
		break;
	case OP_RMMOD:
		outside_rmmod(op, res);
		break;
	case OP_FAULTS:
		memory_faults(res);
		break;
	case OP_FAIL_NTH:
		outside_fail_nth(op, res);
		break;
	default:
		run_on_mapping(op, res);
		break;
	}
}
