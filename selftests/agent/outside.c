// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: operations that reach a mapping, or its driver, from outside
 * of the program: as a debugger, over netlink, by unloading a module. They are
 * carried out in the midst of a program, while it has files and mappings.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent.h"

/* The kernel answers within send(); this is for one that does not. */
#define ACK_SECONDS	2

static void set_result(struct result *res, int err)
{
	res->kind = err ? RESULT_ERRNO : RESULT_OK;
	res->err = err;
}

/*
 * The kernel's way into the memory of a process, this one's too: it does not
 * use the process's page table as the processor would, but get_user_pages(),
 * and .access of the VMA where that finds no page.
 */
static int open_memory(void)
{
	return open("/proc/self/mem", O_RDWR | O_CLOEXEC);
}

void outside_peek(const struct op *op, struct result *res, uint64_t address)
{
	int fd = open_memory();
	ssize_t n = fd < 0 ? -1 : syscall(SYS_pread64, fd, res->data, op->len,
					  address);

	set_result(res, n < 0 ? errno : 0);
	if (n >= 0) {
		res->kind = RESULT_DATA;
		res->count = n;
	}
	if (fd >= 0)
		close(fd);
}

void outside_poke(const struct op *op, struct result *res, uint64_t address)
{
	int fd = open_memory();
	ssize_t n = fd < 0 ? -1 : syscall(SYS_pwrite64, fd, op->data, op->ndata,
					  address);

	set_result(res, n < 0 ? errno : 0);
	if (n >= 0) {
		res->kind = RESULT_VALUE;
		res->value = n;
	}
	if (fd >= 0)
		close(fd);
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
