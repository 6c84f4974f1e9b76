// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: how slow is this machine? The deadlines of the supervisor are
 * made for one on which a first touch of anonymous memory takes no longer than
 * REFERENCE_NS, and are stretched where it does.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "agent.h"

#define REFERENCE_NS	50000
#define ROUNDS		9
#define PAGES		64

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Nanoseconds a page. */
static unsigned int touch_pages(void)
{
	size_t len = PAGES * page_size;
	volatile unsigned char *at;
	uint64_t start, end;
	size_t i;

	at = mmap(NULL, len, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return 0;

	start = now_ns();
	for (i = 0; i < len; i += page_size)
		at[i] = 1;
	end = now_ns();
	munmap((void *)at, len);
	return (end - start) / PAGES;
}

static int compare(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a;
	unsigned int y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

struct calibration calibrate(void)
{
	unsigned int ns[ROUNDS];
	struct calibration cal;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		ns[i] = touch_pages();
	qsort(ns, ROUNDS, sizeof(ns[0]), compare);

	cal.fault_ns = ns[ROUNDS / 2];
	cal.scale = (cal.fault_ns + REFERENCE_NS - 1) / REFERENCE_NS;
	if (!cal.scale)
		cal.scale = 1;
	return cal;
}
