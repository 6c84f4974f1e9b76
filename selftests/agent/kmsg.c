// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: the kernel log, forwarded as it grows.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

/* Records from now on; -1 where the log cannot be read. */
int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/*
 * A record is "priority,sequence,time,flags;text", then lines with a space in
 * front that nobody needs here. Bytes that are not text come escaped.
 */
static void forward_record(char *record)
{
	char *text = strchr(record, ';');
	char *end;

	if (!text)
		return;
	end = strchr(++text, '\n');
	if (end)
		*end = '\0';
	port_print("log %u %.1500s\n", (unsigned int)atoi(record) & 7, text);
}

/* All that has come since. */
void kmsg_forward(int fd)
{
	char record[8192];

	while (fd >= 0) {
		ssize_t n = read(fd, record, sizeof(record) - 1);

		if (n > 0) {
			record[n] = '\0';
			forward_record(record);
		} else if (n == 0 || (errno != EPIPE && errno != EINTR)) {
			/* EPIPE: some were overwritten; there are more. */
			return;
		}
	}
}

/* Taint bits of the kernel; 0 where it does not tell. */
unsigned long kmsg_taint(void)
{
	static int fd = -1;
	char text[32];
	ssize_t n;

	if (fd < 0)
		fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtoul(text, NULL, 10);
}
