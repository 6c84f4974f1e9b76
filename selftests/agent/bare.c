// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: system calls in a loop with nothing around them, for the bench
 * to compare operations of programs with. No mapping is touched: this is the
 * supervisor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define BYTES	64	/* that a pread() asks for */

/**
 * struct bare - what a loop works on
 * @path: of a file
 * @fd: the same file, open
 * @off: offset in it, bytes
 * @at: the page there, mapped
 */
struct bare {
	const char *path;
	int fd;
	off_t off;
	void *at;
};

static bool open_close(const struct bare *b)
{
	int fd = open(b->path, O_RDWR | O_CLOEXEC);

	return fd >= 0 && !close(fd);
}

static bool map_unmap(const struct bare *b)
{
	void *at = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			b->fd, b->off);

	return at != MAP_FAILED && !munmap(at, page_size);
}

static bool protect_twice(const struct bare *b)
{
	return !mprotect(b->at, page_size, PROT_READ) &&
	       !mprotect(b->at, page_size, PROT_READ | PROT_WRITE);
}

static bool read_bytes(const struct bare *b)
{
	char buf[BYTES];

	return pread(b->fd, buf, BYTES, b->off) == BYTES;
}

static const struct {
	const char *name;
	bool (*once)(const struct bare *b);
} loops[] = {
	{ "open", open_close },
	{ "mmap", map_unmap },
	{ "mprotect", protect_twice },
	{ "pread", read_bytes },
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Nanoseconds that so many turns take; 0 with errno when one fails. */
static uint64_t time_loop(bool (*once)(const struct bare *b),
			  const struct bare *b, unsigned int count)
{
	uint64_t start = now_ns();

	while (count--)
		if (!once(b))
			return 0;
	return now_ns() - start;
}

/* @args: which loop, turns, offset in bytes, path. */
void bare_run(char *args)
{
	unsigned long long off;
	struct bare b;
	unsigned int count;
	uint64_t ns = 0;
	char name[16];
	int path = 0;
	size_t i;

	if (sscanf(args, "%15s %u %llu %n", name, &count, &off, &path) < 3) {
		port_answer(EINVAL);
		return;
	}

	b.path = args + path;
	b.off = off;
	b.fd = open(b.path, O_RDWR | O_CLOEXEC);
	if (b.fd < 0) {
		port_answer(errno);
		return;
	}
	b.at = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, b.fd,
		    b.off);
	if (b.at == MAP_FAILED) {
		port_answer(errno);
		goto close_file;
	}

	errno = EINVAL;
	for (i = 0; i < ARRAY_SIZE(loops); i++)
		if (!strcmp(loops[i].name, name))
			ns = time_loop(loops[i].once, &b, count);
	if (ns)
		port_print("ok %llu\n", (unsigned long long)ns);
	else
		port_answer(errno);

	munmap(b.at, page_size);
close_file:
	close(b.fd);
}
