// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: program text, one operation a line, to struct op. The grammar
 * is the one of mmapkit/grammar.py; a line that does not follow it is refused
 * with the place and the reason, and nothing is carried out.
 */
#include <fcntl.h>
#include <string.h>

#include "parse.h"

enum key {
	KEY_OFF = 1 << 0,
	KEY_LEN = 1 << 1,
	KEY_PROT = 1 << 2,
	KEY_FLAGS = 1 << 3,
	KEY_WIDTH = 1 << 4,
	KEY_SEED = 1 << 5,
	KEY_ORDER = 1 << 6,
	KEY_DATA = 1 << 7,
};

static const struct {
	const char *name;
	enum key key;
} keys[] = {
	{ "off", KEY_OFF },
	{ "len", KEY_LEN },
	{ "prot", KEY_PROT },
	{ "flags", KEY_FLAGS },
	{ "width", KEY_WIDTH },
	{ "seed", KEY_SEED },
	{ "order", KEY_ORDER },
	{ "data", KEY_DATA },
};

static bool key_value(struct parser *p, struct op *op, enum key key,
		      struct token t)
{
	switch (key) {
	case KEY_OFF:
		return token_offset(p, t, &op->off, &op->pos);
	case KEY_LEN:
		op->whole = false;
		return token_number(p, t, &op->len);
	case KEY_PROT:
		return token_prot(p, t, &op->mode);
	case KEY_FLAGS:
		return token_flags(p, t, &op->flags);
	case KEY_WIDTH:
		return token_width(p, t, &op->width);
	case KEY_SEED:
		op->seeded = true;
		return token_number(p, t, &op->value);
	case KEY_ORDER:
		return token_order(p, t, &op->order);
	case KEY_DATA:
		return token_data(p, t, op);
	}
	return false;
}

/* key=value until the end of the line: some of @may, all of @must. */
static bool key_values(struct parser *p, struct op *op, unsigned int must,
		       unsigned int may)
{
	unsigned int seen = 0;
	struct token t;
	size_t i;

	may |= must;
	while (t = token_next(p), t.len) {
		const char *eq = memchr(t.start, '=', t.len);
		struct token name = t, value = t;

		if (!eq)
			return refuse(p, t.start,
				      "not a key=value: \"%.*s\"",
				      (int)t.len, t.start);
		name.len = eq - t.start;
		value.start = eq + 1;
		value.len = t.len - name.len - 1;

		for (i = 0; i < ARRAY_SIZE(keys); i++)
			if (token_is(name, keys[i].name))
				break;
		if (i == ARRAY_SIZE(keys) || !(keys[i].key & may))
			return refuse(p, t.start,
				      "\"%.*s\" does not belong here",
				      (int)name.len, name.start);
		if (seen & keys[i].key)
			return refuse(p, t.start, "\"%s\" is there twice",
				      keys[i].name);
		seen |= keys[i].key;
		if (!key_value(p, op, keys[i].key, value))
			return false;
	}

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (must & ~seen & keys[i].key)
			return refuse(p, p->at, "missing %s=", keys[i].name);
	return true;
}

static bool end_of_line(struct parser *p)
{
	struct token t = token_next(p);

	if (!t.len)
		return true;
	return refuse(p, t.start, "nothing is expected here: \"%.*s\"",
		      (int)t.len, t.start);
}

static bool file_handle(struct parser *p, struct op *op)
{
	return token_handle(p, token_next(p), 'f', MAX_FILES, &op->file);
}

static bool peer_handle(struct parser *p, struct op *op)
{
	struct token t = token_next(p);

	if (!token_handle(p, t, 'p', MAX_PROCS, &op->peer))
		return false;
	return op->peer ||
	       refuse(p, t.start, "p0 is there from the start to the end");
}

static bool parse_open(struct parser *p, struct op *op)
{
	struct token t;

	if (!file_handle(p, op))
		return false;

	t = token_next(p);
	if (!t.len || t.len >= MAX_PATH)
		return refuse(p, t.start, "a path of 1 to %d bytes is due",
			      MAX_PATH - 1);
	memcpy(op->path, t.start, t.len);
	op->path[t.len] = '\0';

	t = token_next(p);
	if (token_is(t, "rdonly"))
		op->mode = O_RDONLY;
	else if (token_is(t, "wronly"))
		op->mode = O_WRONLY;
	else if (token_is(t, "rdwr"))
		op->mode = O_RDWR;
	else
		return refuse(p, t.start,
			      "mode is rdonly, wronly or rdwr, not \"%.*s\"",
			      (int)t.len, t.start);
	return end_of_line(p);
}

static bool parse_close(struct parser *p, struct op *op)
{
	return file_handle(p, op) && end_of_line(p);
}

static bool parse_mmap(struct parser *p, struct op *op)
{
	return token_handle(p, token_next(p), 'm', MAX_MAPS, &op->map) &&
	       file_handle(p, op) &&
	       key_values(p, op, KEY_OFF | KEY_LEN | KEY_PROT | KEY_FLAGS, 0);
}

static bool parse_munmap(struct parser *p, struct op *op)
{
	return token_place(p, op) && key_values(p, op, 0, KEY_LEN);
}

static bool parse_mprotect(struct parser *p, struct op *op)
{
	return token_place(p, op) && key_values(p, op, KEY_PROT, KEY_LEN);
}

static bool parse_load(struct parser *p, struct op *op)
{
	return token_place(p, op) &&
	       token_width(p, token_next(p), &op->width) && end_of_line(p);
}

static bool parse_store(struct parser *p, struct op *op)
{
	return token_place(p, op) &&
	       token_width(p, token_next(p), &op->width) &&
	       token_number(p, token_next(p), &op->value) && end_of_line(p);
}

/* Whole accesses only, and few enough to end. */
static bool whole_accesses(struct parser *p, const struct op *op)
{
	if (op->len % op->width)
		return refuse(p, p->at, "len is not a multiple of width=%u",
			      op->width);
	return true;
}

static bool parse_fill(struct parser *p, struct op *op)
{
	return token_place(p, op) &&
	       key_values(p, op, 0,
			  KEY_LEN | KEY_WIDTH | KEY_SEED | KEY_ORDER) &&
	       whole_accesses(p, op);
}

static bool parse_digest(struct parser *p, struct op *op)
{
	return token_place(p, op) &&
	       key_values(p, op, 0, KEY_LEN | KEY_WIDTH | KEY_ORDER) &&
	       whole_accesses(p, op);
}

static bool parse_peek(struct parser *p, struct op *op)
{
	if (!token_place(p, op) || !key_values(p, op, KEY_LEN, 0))
		return false;
	return (op->len && op->len <= MAX_DATA) ||
	       refuse(p, p->at, "len is 1 to %d here", MAX_DATA);
}

static bool parse_poke(struct parser *p, struct op *op)
{
	return token_place(p, op) && key_values(p, op, KEY_DATA, 0);
}

static bool transfer(struct parser *p, const struct op *op)
{
	if (op->len > MAX_TRANSFER)
		return refuse(p, p->at, "len is at most %lu here",
			      MAX_TRANSFER);
	return true;
}

static bool parse_pread(struct parser *p, struct op *op)
{
	return file_handle(p, op) &&
	       key_values(p, op, KEY_OFF | KEY_LEN, 0) && transfer(p, op);
}

static bool parse_pwrite(struct parser *p, struct op *op)
{
	if (!file_handle(p, op) ||
	    !key_values(p, op, KEY_OFF, KEY_LEN | KEY_SEED | KEY_DATA))
		return false;
	if (op->ndata && op->seeded)
		return refuse(p, p->at, "seed= and data= exclude one another");
	if (op->whole && !op->ndata)
		return refuse(p, p->at, "missing len= or data=");
	if (op->ndata && op->len != op->ndata)
		return refuse(p, p->at, "len= and data= differ");
	return transfer(p, op);
}

static bool parse_peer(struct parser *p, struct op *op)
{
	return peer_handle(p, op) && end_of_line(p);
}

static bool parse_drop(struct parser *p, struct op *op)
{
	struct token t = token_next(p);

	op->mode = capability_number(t.start, t.len);
	if (op->mode < 0)
		return refuse(p, t.start, "unknown capability \"%.*s\"",
			      (int)t.len, t.start);
	return end_of_line(p);
}

static bool parse_request(struct parser *p, struct op *op)
{
	struct token t = token_next(p);

	if (!t.len || t.start[0] != '=')
		return refuse(p, t.start, "=HEX is due, not \"%.*s\"",
			      (int)t.len, t.start);
	t.start++;
	t.len--;
	return token_data(p, t, op) && end_of_line(p);
}

static bool parse_rmmod(struct parser *p, struct op *op)
{
	struct token t = token_next(p);

	if (!t.len || t.len >= MAX_MODULE)
		return refuse(p, t.start, "a name of 1 to %d bytes is due",
			      MAX_MODULE - 1);
	memcpy(op->path, t.start, t.len);
	op->path[t.len] = '\0';
	return end_of_line(p);
}

static bool parse_fail_nth(struct parser *p, struct op *op)
{
	struct token t = token_next(p);

	if (!token_number(p, t, &op->value))
		return false;
	if (op->value > MAX_NTH)
		return refuse(p, t.start, "a number up to %d is due", MAX_NTH);
	return end_of_line(p);
}

static const struct {
	const char *name;
	enum op_kind kind;
	bool (*parse)(struct parser *p, struct op *op);
} forms[] = {
	{ "open", OP_OPEN, parse_open },
	{ "close", OP_CLOSE, parse_close },
	{ "mmap", OP_MMAP, parse_mmap },
	{ "munmap", OP_MUNMAP, parse_munmap },
	{ "mprotect", OP_MPROTECT, parse_mprotect },
	{ "load", OP_LOAD, parse_load },
	{ "store", OP_STORE, parse_store },
	{ "fill", OP_FILL, parse_fill },
	{ "digest", OP_DIGEST, parse_digest },
	{ "peek", OP_PEEK, parse_peek },
	{ "poke", OP_POKE, parse_poke },
	{ "pread", OP_PREAD, parse_pread },
	{ "pwrite", OP_PWRITE, parse_pwrite },
	{ "fork", OP_FORK, parse_peer },
	{ "thread", OP_THREAD, parse_peer },
	{ "wait", OP_WAIT, parse_peer },
	{ "drop", OP_DROP, parse_drop },
	{ "request", OP_REQUEST, parse_request },
	{ "rmmod", OP_RMMOD, parse_rmmod },
	{ "fail-nth", OP_FAIL_NTH, parse_fail_nth },
};

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

	for (i = 0; i < ARRAY_SIZE(forms); i++)
		if (token_is(t, forms[i].name))
			break;
	if (i == ARRAY_SIZE(forms))
		return refuse(p, t.start, "unknown operation \"%.*s\"",
			      (int)t.len, t.start);
	if (p->block && changes_tasks(forms[i].kind))
		return refuse(p, t.start, "%s does not belong into a block",
			      forms[i].name);
	p->filled = true;
	op->kind = forms[i].kind;
	return forms[i].parse(p, op);
}
