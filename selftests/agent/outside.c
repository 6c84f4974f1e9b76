// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: operations that reach the driver from outside of the program:
 * over netlink, by the module's coming and going, by failing allocations. They
 * are carried out in the midst of a program, while it has files and mappings.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
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

void outside_insmod(const struct op *op, struct result *res)
{
	set_result(res, init_insmod(op->path, (const char *)op->data));
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
