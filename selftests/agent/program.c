// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: a program as it comes in, line by line, into shared memory.
 */
#include <string.h>

#include "parse.h"

/* Index of the first operation of the block at hand. */
static unsigned int block_start;

static bool take_line(struct parser *p, const char *line)
{
	static struct op spare;
	unsigned int nops = shared->nops;
	struct op *op = nops < MAX_OPS ? &shared->op[nops] : &spare;
	enum line_kind kind;
	unsigned int i;

	if (!parse_line(p, line, op, &kind))
		return false;

	switch (kind) {
	case LINE_EMPTY:
		break;
	case LINE_TOGETHER:
		block_start = nops;
		break;
	case LINE_END:
		for (i = block_start; i < nops; i++)
			shared->op[i].block_end = nops;
		break;
	case LINE_OPERATION:
		if (nops == MAX_OPS)
			return refuse(p, p->line,
				      "a program has at most %u operations",
				      MAX_OPS);
		shared->nops++;
		break;
	}
	return true;
}

/* Read a program up to its "go"; false when it is malformed, or cut off. */
bool program_read(void)
{
	struct parser p = { .number = 0 };
	unsigned int i;
	bool good = true;

	memset(&shared->proc[1], 0, sizeof(shared->proc) - sizeof(struct proc));
	shared->nops = 0;
	for (;;) {
		char *line = port_read_line();

		if (!line)
			return false;
		if (!strcmp(line, "go"))
			break;
		p.number++;
		if (good && !take_line(&p, line)) {
			port_print("error %u %u %s\n", p.number,
				   (unsigned int)(p.wrong - p.line + 1),
				   p.message);
			good = false;
		}
	}
	if (good && p.block) {
		port_print("error %u %u a block without an end\n", p.block,
			   p.block_column);
		good = false;
	}
	shared->counts = false;
	for (i = 0; i < shared->nops; i++)
		shared->counts |= shared->op[i].kind == OP_FAULTS;
	memset(shared->result, 0, shared->nops * sizeof(shared->result[0]));
	return good;
}
