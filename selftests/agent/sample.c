// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: what /proc tells about a process in trouble. Only files that
 * take no lock of its address space are read: it may be holding one for ever.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

/*
 * At most @size - 1 bytes of a file of a task; their number, 0 on failure. In
 * the folder of a process, stat would tell the sum of its threads.
 */
static size_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	/* do_task_stat() holds the address space meanwhile, also of the dead. */
	shared->sampled = pid;
	__sync_synchronize();
	n = read(fd, buf, size - 1);
	__sync_synchronize();
	shared->sampled = 0;
	close(fd);
	if (n < 0)
		n = 0;
	buf[n] = '\0';
	return n;
}

/* False when there is no such process any more. */
bool sample_take(pid_t pid, struct sample *s)
{
	unsigned long minor, major;
	char buf[1024];
	char *end;

	if (!read_proc(pid, "stat", buf, sizeof(buf)))
		return false;

	/* The name, in parentheses, may hold anything. */
	end = strrchr(buf, ')');
	if (!end ||
	    sscanf(end + 1,
		   " %c %*d %*d %*d %*d %*d %*u %lu %*u %lu %*u %lu %lu",
		   &s->state, &minor, &major, &s->utime, &s->stime) != 5)
		return false;

	s->faults = minor + major;
	return true;
}

/* How often a process went to sleep, and so will have been woken. */
unsigned long sample_wakes(pid_t pid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char buf[4096];
	char *found;

	if (!read_proc(pid, "status", buf, sizeof(buf)))
		return 0;
	found = strstr(buf, key);
	return found ? strtoul(found + strlen(key), NULL, 10) : 0;
}

/*
 * What a process had mapped is gone once it has been waited for and nobody is
 * reading about it any more.
 */
void sample_let_go(pid_t pid)
{
	while (shared->sampled == pid)
		sched_yield();
}

/* One line of evidence for each line of a file. */
static void report_file(pid_t pid, const char *name)
{
	char buf[4096];
	char *line, *next;

	if (!read_proc(pid, name, buf, sizeof(buf)))
		return;
	for (line = buf; *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		port_print("evidence %s %.500s\n", name, line);
	}
}

void sample_report(pid_t pid)
{
	report_file(pid, "wchan");
	report_file(pid, "syscall");
	report_file(pid, "stack");
}

/*
 * Have the kernel tell in its log where each processor is. It asks by NMI, which
 * reaches one that spins with interrupts off (Documentation/admin-guide/sysrq.rst,
 * "l"); /proc/PID/stack has nothing of who runs.
 */
void sample_processors(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Where it cannot be had there is that much less to tell. */
	if (write(fd, "l", 1) < 0)
		port_print("evidence processors none\n");
	close(fd);
}
