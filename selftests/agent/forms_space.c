// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: what the operations on the address space look like.
 */
#include <string.h>
#include <sys/mman.h>

#include "parse.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif

const struct name remap_flags[] = {
	{ "maymove", MREMAP_MAYMOVE },
	{ "fixed", MREMAP_FIXED },
	{ "dontunmap", MREMAP_DONTUNMAP },
	{ NULL, 0 },
};

static const struct name sync_flags[] = {
	{ "sync", MS_SYNC },
	{ "async", MS_ASYNC },
	{ "invalidate", MS_INVALIDATE },
	{ NULL, 0 },
};

static const struct name advices[] = {
	{ "normal", MADV_NORMAL },
	{ "random", MADV_RANDOM },
	{ "sequential", MADV_SEQUENTIAL },
	{ "willneed", MADV_WILLNEED },
	{ "dontneed", MADV_DONTNEED },
	{ "free", MADV_FREE },
	{ "cold", MADV_COLD },
	{ "pageout", MADV_PAGEOUT },
	{ "dontfork", MADV_DONTFORK },
	{ "dofork", MADV_DOFORK },
	{ "wipeonfork", MADV_WIPEONFORK },
	{ "keeponfork", MADV_KEEPONFORK },
	{ "dontdump", MADV_DONTDUMP },
	{ "dodump", MADV_DODUMP },
	{ "hugepage", MADV_HUGEPAGE },
	{ "nohugepage", MADV_NOHUGEPAGE },
	{ "populate_read", MADV_POPULATE_READ },
	{ "populate_write", MADV_POPULATE_WRITE },
	{ NULL, 0 },
};

static const struct name answers[] = {
	{ "none", ANSWER_NONE },
	{ "wake", ANSWER_WAKE },
	{ "zeropage", ANSWER_ZEROPAGE },
	{ NULL, 0 },
};

bool parse_memfd(struct parser *p, struct op *op)
{
	return file_handle(p, op) && token_number(p, token_next(p), &op->value) &&
	       end_of_line(p);
}

/* A file handle, or "-" for memory of nobody. */
static bool file_or_none(struct parser *p, struct op *op)
{
	struct token t = token_next(p);

	op->anonymous = token_is(t, "-");
	return op->anonymous ||
	       token_handle(p, t, 'f', MAX_FILES, &op->file);
}

bool parse_mmap(struct parser *p, struct op *op)
{
	const int fixed = MAP_FIXED | MAP_FIXED_NOREPLACE;

	if (!token_handle(p, token_next(p), 'm', MAX_MAPS, &op->map) ||
	    !file_or_none(p, op) ||
	    !key_values(p, op, KEY_LEN | KEY_PROT | KEY_FLAGS |
			(op->anonymous ? 0 : KEY_OFF), KEY_AT))
		return false;
	if (op->anonymous)
		op->flags |= MAP_ANONYMOUS;
	if ((op->flags & fixed) && !op->placed)
		return refuse(p, p->at, "fixed is nowhere without at=");
	return true;
}

bool parse_mremap(struct parser *p, struct op *op)
{
	if (!token_handle(p, token_next(p), 'm', MAX_MAPS, &op->to) ||
	    !token_place(p, op) ||
	    !key_values(p, op, KEY_LEN | KEY_NEW, KEY_FLAGS | KEY_AT))
		return false;
	if (!(op->flags & MREMAP_FIXED) != !op->placed)
		return refuse(p, p->at, "fixed and at= belong together");
	return true;
}

bool parse_munmap(struct parser *p, struct op *op)
{
	return token_place(p, op) && key_values(p, op, 0, KEY_LEN);
}

bool parse_mprotect(struct parser *p, struct op *op)
{
	return token_place(p, op) && key_values(p, op, KEY_PROT, KEY_LEN);
}

bool parse_madvise(struct parser *p, struct op *op)
{
	return token_place(p, op) &&
	       token_name(p, token_next(p), advices, "advice", &op->mode) &&
	       key_values(p, op, 0, KEY_LEN);
}

bool parse_msync(struct parser *p, struct op *op)
{
	return token_place(p, op) &&
	       token_names(p, token_next(p), sync_flags, "msync",
			   &op->flags) &&
	       key_values(p, op, 0, KEY_LEN);
}

bool parse_limit(struct parser *p, struct op *op)
{
	return token_number(p, token_next(p), &op->value) && end_of_line(p);
}

bool parse_userfault(struct parser *p, struct op *op)
{
	return token_place(p, op) &&
	       token_name(p, token_next(p), answers, "answer", &op->mode) &&
	       key_values(p, op, 0, KEY_LEN);
}
