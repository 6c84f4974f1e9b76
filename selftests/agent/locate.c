// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: what the names in file offsets stand for, as far as this
 * machine tells by itself. A session is told so by "let"; a replay has to look.
 */
#include <stdio.h>
#include <string.h>

#include "case.h"

#define ARENA	"/sys/module/memphys/parameters/arena_phys"

/* No offset that a case could mean: one with it is not run. */
#define NOWHERE	(1ULL << 63)

/* Where the driver has RAM for tests. */
static bool find_arena(uint64_t *value)
{
	FILE *file = fopen(ARENA, "re");
	char text[32] = "";

	if (!file)
		return false;
	if (fgets(text, sizeof(text), file))
		text[strcspn(text, "\n")] = '\0';
	fclose(file);
	return parse_number(text, value) && *value;
}

/* Where physical addresses end. */
static bool find_end(uint64_t *value)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	unsigned int bits = 0;
	char line[256];

	if (!file)
		return false;
	while (!bits && fgets(line, sizeof(line), file))
		if (sscanf(line, "address sizes : %u bits physical", &bits) < 1)
			bits = 0;
	fclose(file);
	*value = 1ULL << (bits % 63);
	return bits;
}

static const struct {
	const char *name;
	bool (*find)(uint64_t *value);
	const char *missing;
} names[] = {
	{ "arena", find_arena, "no arena: load memphys with arena=4M" },
	{ "end", find_end, "no end: /proc/cpuinfo tells no address sizes" },
};

/* Define all of them, with another value each where there is none. */
void locate_names(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t value;

		if (!names[i].find(&value))
			value = NOWHERE + ((uint64_t)i << 48);
		symbol_define(names[i].name, value);
	}
}

/* What an operation lacks, NULL if that is nothing. */
const char *locate_missing(const struct op *op)
{
	uint64_t base = op->off - op->pos;
	unsigned int i;

	if (op->kind != OP_MMAP && op->kind != OP_PREAD &&
	    op->kind != OP_PWRITE)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (base == NOWHERE + ((uint64_t)i << 48))
			return names[i].missing;
	return NULL;
}
