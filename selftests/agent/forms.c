// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: what each operation looks like, but for those of forms_space.c.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "parse.h"

const struct name peek_ways[] = {
	{ "mem", VIA_MEM },
	{ "write", VIA_WRITE },
	{ "readv", VIA_READV },
	{ "ptrace", VIA_PTRACE },
	{ "splice", VIA_SPLICE },
	{ NULL, 0 },
};

const struct name poke_ways[] = {
	{ "mem", VIA_MEM },
	{ "read", VIA_READ },
	{ "writev", VIA_WRITEV },
	{ "ptrace", VIA_PTRACE },
	{ NULL, 0 },
};

bool file_handle(struct parser *p, struct op *op)
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

static bool path_of(struct parser *p, struct op *op)
{
	struct token t = token_next(p);

	if (!t.len || t.len >= MAX_PATH)
		return refuse(p, t.start, "a path of 1 to %d bytes is due",
			      MAX_PATH - 1);
	memcpy(op->path, t.start, t.len);
	op->path[t.len] = '\0';
	return true;
}

static bool open_mode(struct parser *p, struct op *op)
{
	struct token t = token_next(p);

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
	return true;
}

static bool parse_open(struct parser *p, struct op *op)
{
	return file_handle(p, op) && path_of(p, op) && open_mode(p, op) &&
	       end_of_line(p);
}

static bool parse_mknod(struct parser *p, struct op *op)
{
	return file_handle(p, op) &&
	       token_handle(p, token_next(p), 'f', MAX_FILES, &op->of) &&
	       open_mode(p, op) && end_of_line(p);
}

static const struct name whences[] = {
	{ "set", SEEK_SET },
	{ "cur", SEEK_CUR },
	{ "end", SEEK_END },
	{ NULL, 0 },
};

static bool parse_lseek(struct parser *p, struct op *op)
{
	return file_handle(p, op) &&
	       token_name(p, token_next(p), whences, "whence", &op->mode) &&
	       token_number(p, token_next(p), &op->value) && end_of_line(p);
}

static bool parse_close(struct parser *p, struct op *op)
{
	return file_handle(p, op) && end_of_line(p);
}

static bool parse_smaps(struct parser *p, struct op *op)
{
	return token_place(p, op) && end_of_line(p);
}

static bool parse_faults(struct parser *p, struct op *op)
{
	(void)op;
	return end_of_line(p);
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

/* A debugger has no smaller unit. */
static bool whole_words(struct parser *p, const struct op *op, uint64_t len)
{
	return op->via != VIA_PTRACE || len % WORD == 0 ||
	       refuse(p, p->at, "via=ptrace takes whole words of %d bytes",
		      WORD);
}

static bool parse_peek(struct parser *p, struct op *op)
{
	if (!token_place(p, op) || !key_values(p, op, KEY_LEN, KEY_VIA))
		return false;
	if (!op->len || op->len > MAX_DATA)
		return refuse(p, p->at, "len is 1 to %d here", MAX_DATA);
	return whole_words(p, op, op->len);
}

static bool parse_poke(struct parser *p, struct op *op)
{
	return token_place(p, op) &&
	       key_values(p, op, KEY_DATA, KEY_VIA) &&
	       whole_words(p, op, op->ndata);
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
	       key_values(p, op, KEY_OFF | KEY_LEN, KEY_AT) && transfer(p, op);
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

	if (!t.len || t.start[0] != '=') {
		p->at = t.start;
		return ready_request(p, op);
	}
	t.start++;
	t.len--;
	return token_data(p, t, op) && end_of_line(p);
}

static bool parse_insmod(struct parser *p, struct op *op)
{
	struct token t;

	if (!path_of(p, op))
		return false;

	t = token_next(p);
	if (t.len >= MAX_DATA)
		return refuse(p, t.start, "options of at most %d bytes are due",
			      MAX_DATA - 1);
	memcpy(op->data, t.start, t.len);
	op->data[t.len] = '\0';
	return end_of_line(p);
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

const struct form forms[] = {
	{ "open", OP_OPEN, parse_open },
	{ "close", OP_CLOSE, parse_close },
	{ "mknod", OP_MKNOD, parse_mknod },
	{ "lseek", OP_LSEEK, parse_lseek },
	{ "memfd", OP_MEMFD, parse_memfd },
	{ "mmap", OP_MMAP, parse_mmap },
	{ "mremap", OP_MREMAP, parse_mremap },
	{ "munmap", OP_MUNMAP, parse_munmap },
	{ "mprotect", OP_MPROTECT, parse_mprotect },
	{ "madvise", OP_MADVISE, parse_madvise },
	{ "msync", OP_MSYNC, parse_msync },
	{ "mlock", OP_MLOCK, parse_munmap },
	{ "munlock", OP_MUNLOCK, parse_munmap },
	{ "mincore", OP_MINCORE, parse_munmap },
	{ "pagemap", OP_PAGEMAP, parse_munmap },
	{ "kpageflags", OP_KPAGEFLAGS, parse_munmap },
	{ "kpagecount", OP_KPAGECOUNT, parse_munmap },
	{ "smaps", OP_SMAPS, parse_smaps },
	{ "faults", OP_FAULTS, parse_faults },
	{ "limit", OP_LIMIT, parse_limit },
	{ "userfault", OP_USERFAULT, parse_userfault },
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
	{ "insmod", OP_INSMOD, parse_insmod },
	{ "rmmod", OP_RMMOD, parse_rmmod },
	{ "fail-nth", OP_FAIL_NTH, parse_fail_nth },
};

const size_t nforms = ARRAY_SIZE(forms);
