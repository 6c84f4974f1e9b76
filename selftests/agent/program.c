// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: a program as it comes in, line by line, into shared memory.
 */
#include <stdio.h>
#include <string.h>

#include "parse.h"

/* Index of the first operation of the block at hand. */
static unsigned int block_start;

void program_begin(struct parser *p)
{
	memset(p, 0, sizeof(*p));
	memset(&shared->proc[1], 0, sizeof(shared->proc) - sizeof(struct proc));
	shared->nops = 0;
}

/* The next line. */
bool program_take(struct parser *p, const char *line)
{
	static struct op spare;
	unsigned int nops = shared->nops;
	struct op *op = nops < MAX_OPS ? &shared->op[nops] : &spare;
	enum line_kind kind;
	unsigned int i;

	p->number++;
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

/* There are no more lines. */
bool program_end(struct parser *p)
{
	unsigned int i;

	shared->counts = false;
	for (i = 0; i < shared->nops; i++)
		shared->counts |= shared->op[i].kind == OP_FAULTS;
	memset(shared->result, 0, shared->nops * sizeof(shared->result[0]));
	if (!p->block)
		return true;

	p->number = p->block;
	p->column = p->block_column;
	snprintf(p->message, sizeof(p->message), "a block without an end");
	return false;
}

/* Read a program up to its "go"; false when it is malformed, or cut off. */
bool program_read(void)
{
	struct parser p;
	bool good = true;
	char *line;

	program_begin(&p);
	while ((line = port_read_line()) && strcmp(line, "go"))
		good = good && program_take(&p, line);
	if (!line)
		return false;

	good = good && program_end(&p);
	if (!good)
		port_print("error %u %u %s\n", p.number, p.column, p.message);
	return good;
}
