// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: program text, one operation a line, to struct op. The grammar
 * is the one of mmapkit/grammar.py; a line that does not follow it is refused
 * with the place and the reason, and nothing is carried out.
 */
#include <string.h>

#include "parse.h"

/* What tasks there are, and what they may do, is settled before a block. */
static bool changes_tasks(enum op_kind kind)
{
	return kind == OP_FORK || kind == OP_THREAD || kind == OP_WAIT ||
	       kind == OP_DROP;
}

/* The lines around a block; the line is in @p, up to the word @t. */
static bool parse_frame(struct parser *p, struct token t, enum line_kind *kind)
{
	*kind = token_is(t, "end") ? LINE_END : LINE_TOGETHER;
	if (*kind == LINE_TOGETHER && p->block)
		return refuse(p, t.start, "a block is open since line %u",
			      p->block);
	if (*kind == LINE_END && !p->block)
		return refuse(p, t.start, "there is no block to end");
	if (*kind == LINE_END && !p->filled)
		return refuse(p, t.start, "there is nothing in the block");
	if (!end_of_line(p))
		return false;

	p->block = *kind == LINE_TOGETHER ? p->number : 0;
	p->block_column = t.start - p->line + 1;
	p->filled = false;
	return true;
}

/*
 * Parse one line; @op is for an operation, @kind tells whether there is one. On
 * failure the parser says where and why.
 */
bool parse_line(struct parser *p, const char *line, struct op *op,
		enum line_kind *kind)
{
	struct token t;
	size_t i;

	p->line = line;
	p->at = line;
	memset(op, 0, sizeof(*op));
	op->whole = true;
	op->width = 8;

	t = token_next(p);
	if (token_is(t, "together") || token_is(t, "end"))
		return parse_frame(p, t, kind);
	if (t.len > 1 && t.start[t.len - 1] == ':') {
		struct token name = { t.start, t.len - 1 };

		if (!token_handle(p, name, 'p', MAX_PROCS, &op->proc))
			return false;
		t = token_next(p);
		if (!t.len)
			return refuse(p, t.start, "an operation is due");
	}

	*kind = t.len ? LINE_OPERATION : LINE_EMPTY;
	if (!t.len)
		return true;

	for (i = 0; i < nforms; i++)
		if (token_is(t, forms[i].name))
			break;
	if (i == nforms)
		return refuse(p, t.start, "unknown operation \"%.*s\"",
			      (int)t.len, t.start);
	if (p->block && changes_tasks(forms[i].kind))
		return refuse(p, t.start, "%s does not belong into a block",
			      forms[i].name);
	p->filled = true;
	op->kind = forms[i].kind;
	return forms[i].parse(p, op);
}
