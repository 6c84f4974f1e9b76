// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: the way to the outside, line by line. Output is gathered and
 * leaves in one write; a write that fails means that nobody listens any more.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent.h"

static int port_in = -1;
static int port_out = -1;

#define IN_SIZE		(1UL << 16)
#define OUT_SIZE	(1UL << 17)

static char *in_buf, *out_buf;
static size_t in_start, in_end, out_len;

bool port_open(int in, int out)
{
	/* Shared, so that a fork does not make every page of it be copied. */
	in_buf = mmap(NULL, IN_SIZE + OUT_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (in_buf == MAP_FAILED)
		return false;
	out_buf = in_buf + IN_SIZE;
	port_in = in;
	port_out = out;
	return true;
}

void port_flush(void)
{
	size_t done = 0;

	while (done < out_len) {
		ssize_t n = write(port_out, out_buf + done, out_len - done);

		if (n > 0) {
			done += n;
		} else if (errno == EAGAIN) {
			struct pollfd pfd = { port_out, POLLOUT, 0 };

			poll(&pfd, 1, -1);
		} else if (errno != EINTR) {
			exit(1);
		}
	}
	out_len = 0;
}

void port_print(const char *fmt, ...)
{
	va_list args;
	int n;

	/* Long lines do not occur: every part of one is bounded. */
	if (OUT_SIZE - out_len < 4096)
		port_flush();

	va_start(args, fmt);
	n = vsnprintf(out_buf + out_len, OUT_SIZE - out_len, fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n < OUT_SIZE - out_len)
		out_len += n;
}

/* ok, or the name of an errno. */
void port_answer(int err)
{
	port_print("%s\n", err ? errno_name(err) : "ok");
}

/* More input, or false at its end. */
static bool fill_buffer(void)
{
	if (in_start) {
		memmove(in_buf, in_buf + in_start, in_end - in_start);
		in_end -= in_start;
		in_start = 0;
	}

	for (;;) {
		ssize_t n = read(port_in, in_buf + in_end,
				 IN_SIZE - in_end);

		if (n > 0) {
			in_end += n;
			return true;
		}
		if (n == 0 || errno != EINTR)
			return false;
	}
}

/*
 * The next line without its end, valid until the next call; NULL at the end of
 * input. A line that does not fit the buffer is cut.
 */
char *port_read_line(void)
{
	for (;;) {
		char *start = in_buf + in_start;
		char *nl = memchr(start, '\n', in_end - in_start);

		if (nl) {
			*nl = '\0';
			in_start = nl + 1 - in_buf;
			return start;
		}
		if (in_start == 0 && in_end == IN_SIZE) {
			in_buf[in_end - 1] = '\0';
			in_end = 0;
			return in_buf;
		}
		if (!fill_buffer())
			return NULL;
	}
}
