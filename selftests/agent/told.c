// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: what is told of a run goes into a file in memory here, for a
 * replay to read when the run is over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"

static int told = -1;

/* The agent may end itself when something fails that never does. */
static void tell_rest(void)
{
	char *rest = told_take();

	if (rest && *rest)
		fprintf(stderr, "agent: %s", rest);
	free(rest);
}

bool told_open(void)
{
	told = memfd_create("told", MFD_CLOEXEC);
	return told >= 0 && port_open(-1, told) && !atexit(tell_rest);
}

/* All since the last time, to be freed; NULL for want of memory. */
char *told_take(void)
{
	struct stat st;
	char *text, *nul;

	port_flush();
	if (fstat(told, &st))
		return NULL;
	text = calloc(1, st.st_size + 1);
	if (text && pread(told, text, st.st_size, 0) != st.st_size)
		st.st_size = 0;
	/* The state of a process that is gone, for one. */
	while (text && (nul = memchr(text, '\0', st.st_size)))
		*nul = '?';
	if (ftruncate(told, 0) || lseek(told, 0, SEEK_SET))
		return text;
	return text;
}
