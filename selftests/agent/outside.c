// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: operations that reach a mapping, or its driver, from outside
 * of the program: as a debugger, over netlink, by unloading a module. They are
 * carried out in the midst of a program, while it has files and mappings.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

/* The kernel answers within send(); this is for one that does not. */
#define ACK_SECONDS	2

static void set_result(struct result *res, int err)
{
	res->kind = err ? RESULT_ERRNO : RESULT_OK;
	res->err = err;
}

/**
 * struct visit - one reading or writing of this process's memory by the kernel
 * @op: what is asked for
 * @buf: the bytes; as many as @len
 * @len: bytes to transfer
 * @address: where
 * @pid: the process
 * @done: bytes that went through, or a negative errno
 */
struct visit {
	const struct op *op;
	void *buf;
	size_t len;
	uint64_t address;
	pid_t pid;
	ssize_t done;
};

/*
 * The kernel's way into the memory of a process: it does not use the
 * process's page table as the processor would, but get_user_pages(), and
 * .access of the VMA where that finds no page.
 */
static void transfer(struct visit *v)
{
	char path[32];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", v->pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		n = syscall(v->op->kind == OP_PEEK ? SYS_pread64 : SYS_pwrite64,
			    fd, v->buf, v->len, v->address);
	v->done = n < 0 ? -errno : n;
	if (fd >= 0)
		close(fd);
}

/* In a process of its own that shares this one's memory. */
static int attach_and_transfer(void *arg)
{
	struct visit *v = arg;

	if (!ptrace(PTRACE_SEIZE, v->pid, 0, 0))
		transfer(v);
	return 0;	/* the end of a tracer detaches it */
}

/*
 * Kernels can be set up to let /proc/PID/mem override the protection only for
 * a debugger that has attached (CONFIG_PROC_MEM_FORCE_PTRACE, the default
 * from 6.12 on). fork() would copy the mappings, and so change them; a
 * debugger that shares the memory leaves them alone.
 */
static void transfer_attached(struct visit *v)
{
	_Alignas(16) char stack[16384];
	pid_t pid = clone(attach_and_transfer, stack + sizeof(stack),
			  CLONE_VM | CLONE_VFORK | SIGCHLD, v);

	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
}

static void visit(struct visit *v)
{
	v->pid = getpid();
	transfer(v);
	if (v->done == -EIO || (v->done >= 0 && (size_t)v->done < v->len))
		transfer_attached(v);
}

void outside_peek(const struct op *op, struct result *res, uint64_t address)
{
	struct visit v = {
		.op = op, .buf = res->data, .len = op->len, .address = address,
	};

	visit(&v);
	set_result(res, v.done < 0 ? -v.done : 0);
	if (v.done >= 0) {
		res->kind = RESULT_DATA;
		res->count = v.done;
	}
}

void outside_poke(const struct op *op, struct result *res, uint64_t address)
{
	unsigned char data[MAX_DATA];
	struct visit v = {
		.op = op, .buf = data, .len = op->ndata, .address = address,
	};

	memcpy(data, op->data, op->ndata);
	visit(&v);
	set_result(res, v.done < 0 ? -v.done : 0);
	if (v.done >= 0) {
		res->kind = RESULT_VALUE;
		res->value = v.done;
	}
}

/* Send a message and wait for its ACK. 0 or a negative errno. */
static int request(int fd, const void *message, size_t len)
{
	const struct timeval patience = { .tv_sec = ACK_SECONDS };
	unsigned char answer[8192];
	struct nlmsghdr head;
	int code;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) ||
	    send(fd, message, len, 0) < 0)
		return -errno;

	/* Data that comes before the ACK is of no interest. */
	for (;;) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);

		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if ((size_t)n < sizeof(head) + sizeof(code))
			return -EBADMSG;
		memcpy(&head, answer, sizeof(head));
		if (head.nlmsg_type != NLMSG_ERROR)
			continue;
		memcpy(&code, answer + sizeof(head), sizeof(code));
		return code;
	}
}

void outside_request(const struct op *op, struct result *res)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0) {
		set_result(res, errno);
		return;
	}
	set_result(res, -request(fd, op->data, op->ndata));
	close(fd);
}

void outside_rmmod(const struct op *op, struct result *res)
{
	set_result(res, init_rmmod(op->path));
}

/*
 * Let the allocation of that number from here on, of this task alone, fail,
 * and tell how far the count of the last time has come: 0 when it was used up
 * (Documentation/fault-injection/fault-injection.rst). The file stays open:
 * what open() allocates would be counted.
 */
void outside_fail_nth(const struct op *op, struct result *res)
{
	static __thread pid_t owner;
	static __thread int fd;
	char text[24];
	uint64_t left = 0;
	ssize_t n;

	if (owner != gettid()) {
		fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
		owner = fd < 0 ? 0 : gettid();
	}
	n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	if (n > 0) {
		text[n - (text[n - 1] == '\n')] = '\0';
		parse_number(text, &left);
		n = pwrite(fd, text, snprintf(text, sizeof(text), "%u",
					      (unsigned int)op->value), 0);
	}
	set_result(res, n < 0 ? errno : 0);
	if (n >= 0) {
		res->kind = RESULT_VALUE;
		res->value = left;
	}
}
