// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: access to the memory of a program by the kernel. It has three
 * ways there: to copy under the address that the program uses, which faults like
 * the program's own access; get_user_pages(), which asks for a page behind the
 * address and for what the mapping allows; and the same for a debugger, whom
 * the protection does not stop, with .access of the VMA where there is no page.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

/**
 * struct visit - one reading or writing of this process's memory by the kernel
 * @write: into the memory
 * @buf: the bytes; as many as @len
 * @len: bytes to transfer
 * @address: where
 * @task: who asks for it, a thread of the process
 * @done: bytes that went through, or a negative errno
 */
struct visit {
	bool write;
	void *buf;
	size_t len;
	uint64_t address;
	pid_t task;
	ssize_t done;
};

/* Keep what a system call has returned. */
static void note(struct visit *v, ssize_t n)
{
	v->done = n < 0 ? -errno : n;
}

static void transfer_mem(struct visit *v)
{
	char path[32];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", v->task);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		n = syscall(v->write ? SYS_pwrite64 : SYS_pread64, fd, v->buf,
			    v->len, v->address);
	note(v, n);
	if (fd >= 0)
		close(fd);
}

/*
 * Be somebody else, for a moment: a process that shares the memory of this one.
 * fork() would copy the mappings, and so change them. The stack is in the frame
 * of the caller, who waits.
 */
static void have_helper(struct visit *v, int (*run)(void *arg), int flags)
{
	_Alignas(16) char stack[16384];
	volatile pid_t *helper = worker_helper();
	pid_t pid;

	/* The kernel tells who it is before it runs, and may stop this task. */
	pid = clone(run, stack + sizeof(stack),
		    CLONE_VM | CLONE_PARENT_SETTID | flags | SIGCHLD, v,
		    helper);

	if (pid < 0) {
		note(v, -1);
		return;
	}
	/* Not libc's: the two share what it keeps of a thread. */
	while (syscall(SYS_wait4, pid, NULL, 0, NULL) < 0 && errno == EINTR)
		;
	*helper = 0;
}

static int attach_and_transfer(void *arg)
{
	struct visit *v = arg;

	if (!ptrace(PTRACE_SEIZE, v->task, 0, 0))
		transfer_mem(v);
	return 0;	/* the end of a tracer detaches it */
}

/*
 * Kernels can be set up to let /proc/PID/mem override the protection only for
 * a debugger that has attached (CONFIG_PROC_MEM_FORCE_PTRACE, the default
 * from 6.12 on).
 */
static void by_mem(struct visit *v)
{
	transfer_mem(v);
	if (v->done == -EIO || (v->done >= 0 && (size_t)v->done < v->len))
		have_helper(v, attach_and_transfer, CLONE_VFORK);
}

/* As the tracer of a task that stands still; 0, or -1 with errno. */
static int transfer_words(struct visit *v, size_t *done)
{
	unsigned char *buf = v->buf;
	long word, ret;
	int status;

	if (syscall(SYS_ptrace, PTRACE_SEIZE, v->task, 0, 0) ||
	    syscall(SYS_ptrace, PTRACE_INTERRUPT, v->task, 0, 0) ||
	    syscall(SYS_wait4, v->task, &status, __WALL, NULL) < 0)
		return -1;

	for (*done = 0; *done < v->len; *done += sizeof(word)) {
		uint64_t address = v->address + *done;

		memcpy(&word, buf + *done, sizeof(word));
		if (v->write)
			ret = syscall(SYS_ptrace, PTRACE_POKEDATA, v->task,
				      address, word);
		else
			ret = syscall(SYS_ptrace, PTRACE_PEEKDATA, v->task,
				      address, &word);
		if (ret)
			return -1;
		memcpy(buf + *done, &word, sizeof(word));
	}
	return 0;
}

static int stop_and_transfer(void *arg)
{
	struct visit *v = arg;
	size_t done = 0;
	int ret = transfer_words(v, &done);

	note(v, done ? (ssize_t)done : ret);
	return 0;
}

/* The maker of the helper has to stop: vfork would not let it. */
static void by_ptrace(struct visit *v)
{
	_Static_assert(sizeof(long) == WORD, "a word is what ptrace moves");

	have_helper(v, stop_and_transfer, 0);
}

/* On this process itself, which it is always allowed on. */
static void by_vector(struct visit *v)
{
	struct iovec here = { .iov_base = v->buf, .iov_len = v->len };
	struct iovec there = {
		.iov_base = (void *)(uintptr_t)v->address, .iov_len = v->len,
	};

	note(v, syscall(v->write ? SYS_process_vm_writev : SYS_process_vm_readv,
			getpid(), &here, 1UL, &there, 1UL, 0UL));
}

/*
 * A fresh pipe for each: what could not be copied into one leaves it an empty
 * buffer.
 */
static void with_pipe(struct visit *v,
		      ssize_t (*move)(struct visit *v, const int *ends))
{
	int ends[2];

	if (syscall(SYS_pipe2, ends, O_CLOEXEC)) {
		note(v, -1);
		return;
	}
	note(v, move(v, ends));
	close(ends[0]);
	close(ends[1]);
}

static ssize_t copy_in(struct visit *v, const int *ends)
{
	ssize_t n = syscall(SYS_write, ends[1], v->buf, v->len);

	return n < 0 ? n : syscall(SYS_read, ends[0], v->address, n);
}

static ssize_t copy_out(struct visit *v, const int *ends)
{
	ssize_t n = syscall(SYS_write, ends[1], v->address, v->len);

	return n < 0 ? n : syscall(SYS_read, ends[0], v->buf, n);
}

/* The pages themselves go into the pipe. */
static ssize_t splice_out(struct visit *v, const int *ends)
{
	struct iovec there = {
		.iov_base = (void *)(uintptr_t)v->address, .iov_len = v->len,
	};
	ssize_t n = syscall(SYS_vmsplice, ends[1], &there, 1UL, 0);

	return n < 0 ? n : syscall(SYS_read, ends[0], v->buf, n);
}

static void by_read(struct visit *v)
{
	with_pipe(v, copy_in);
}

static void by_write(struct visit *v)
{
	with_pipe(v, copy_out);
}

static void by_splice(struct visit *v)
{
	with_pipe(v, splice_out);
}

static void (* const ways[])(struct visit *v) = {
	[VIA_MEM] = by_mem,
	[VIA_WRITE] = by_write,
	[VIA_READ] = by_read,
	[VIA_READV] = by_vector,
	[VIA_WRITEV] = by_vector,
	[VIA_PTRACE] = by_ptrace,
	[VIA_SPLICE] = by_splice,
};

/* peek and poke */
void visit_run(const struct op *op, struct result *res, uint64_t address)
{
	unsigned char data[MAX_DATA];
	struct visit v = {
		.write = op->kind == OP_POKE,
		.buf = data,
		.len = op->kind == OP_POKE ? op->ndata : op->len,
		.address = address,
		.task = gettid(),
		.done = -ECHILD,	/* of a helper that has died */
	};

	if (v.write)
		memcpy(data, op->data, op->ndata);
	worker_access(op->off);
	ways[op->via](&v);

	if (v.done < 0) {
		res->kind = RESULT_ERRNO;
		res->err = -v.done;
	} else if (v.write) {
		res->kind = RESULT_VALUE;
		res->value = v.done;
	} else {
		res->kind = RESULT_DATA;
		res->count = v.done;
		memcpy(res->data, data, v.done);
	}
}
