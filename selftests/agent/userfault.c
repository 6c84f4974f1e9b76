// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: page faults that the program itself answers, userfaultfd(2).
 * Whoever is woken without having been given a page faults again: a loop on a
 * kernel that has nothing wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

/**
 * struct answering - what a thread that answers faults has to know
 * @fd: tells of them
 * @answer: to each
 */
struct answering {
	int fd;
	enum answer answer;
};

static void answer_fault(const struct answering *a, uint64_t address)
{
	struct uffdio_range page = {
		.start = address & ~(page_size - 1), .len = page_size,
	};
	struct uffdio_zeropage zero = { .range = page };

	if (a->answer == ANSWER_ZEROPAGE)
		ioctl(a->fd, UFFDIO_ZEROPAGE, &zero);
	else
		ioctl(a->fd, UFFDIO_WAKE, &page);
}

/* As long as there is the process. It touches nothing of what it answers for. */
static void *answer_faults(void *arg)
{
	const struct answering *a = arg;
	struct uffd_msg msg;

	for (;;) {
		ssize_t n = read(a->fd, &msg, sizeof(msg));

		if (n == sizeof(msg) && msg.event == UFFD_EVENT_PAGEFAULT)
			answer_fault(a, msg.arg.pagefault.address);
		else if (n < 0 && errno != EINTR)
			return NULL;
	}
}

/* 0 or a negative errno. */
static int start_answering(int fd, enum answer answer)
{
	struct answering *a = malloc(sizeof(*a));
	pthread_t thread;

	if (!a)
		return -ENOMEM;
	a->fd = fd;
	a->answer = answer;
	return -pthread_create(&thread, NULL, answer_faults, a);
}

/*
 * Pages of @op->len bytes from @at on that are not there are asked for here, and
 * not of the kernel. Ends with the process.
 */
void userfault_run(const struct op *op, struct result *res, unsigned char *at)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)at, .len = op->len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	int err = 0;

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &range))
		err = -errno;
	else if (op->mode != ANSWER_NONE)
		err = start_answering(fd, op->mode);
	/* Closed, it gives the range back to the kernel. */
	if (err && fd >= 0)
		close(fd);
	res->kind = err ? RESULT_ERRNO : RESULT_OK;
	res->err = -err;
}
