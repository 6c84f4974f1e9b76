// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: the words of program text, and what each kind may look like.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "parse.h"

static struct {
	char name[16];
	uint64_t value;
} symbols[32];

static unsigned int nsymbols;

bool refuse(struct parser *p, const char *where, const char *fmt, ...)
{
	va_list args;

	p->column = where - p->line + 1;
	va_start(args, fmt);
	vsnprintf(p->message, sizeof(p->message), fmt, args);
	va_end(args);
	return false;
}

bool token_is(struct token t, const char *text)
{
	return strlen(text) == t.len && !memcmp(text, t.start, t.len);
}

/* Words end at white space; "#" and "=>" begin what is not for the agent. */
struct token token_next(struct parser *p)
{
	struct token t;

	while (isspace((unsigned char)*p->at))
		p->at++;

	t.start = p->at;
	if (*p->at != '#' && strncmp(p->at, "=>", 2))
		while (*p->at && !isspace((unsigned char)*p->at))
			p->at++;
	t.len = p->at - t.start;
	return t;
}

static bool number(const char *start, size_t len, uint64_t *value)
{
	int base = 10;
	uint64_t sum = 0;

	if (len > 2 && start[0] == '0' && (start[1] | 0x20) == 'x') {
		base = 16;
		start += 2;
		len -= 2;
	}
	if (!len)
		return false;

	while (len--) {
		unsigned char c = tolower((unsigned char)*start++);
		int digit = isdigit(c) ? c - '0' :
			    c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;

		if (digit >= base ||
		    __builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return false;
	}

	*value = sum;
	return true;
}

bool parse_number(const char *text, uint64_t *value)
{
	return number(text, strlen(text), value);
}

bool token_number(struct parser *p, struct token t, uint64_t *value)
{
	if (number(t.start, t.len, value))
		return true;
	return refuse(p, t.start, "not a number of at most 64 bits: \"%.*s\"",
		      (int)t.len, t.start);
}

/* f, m or p, and a number below @limit. */
bool token_handle(struct parser *p, struct token t, char letter,
		  unsigned int limit, unsigned int *index)
{
	uint64_t n;

	if (!t.len)
		return refuse(p, t.start, "missing %c0 to %c%u", letter, letter,
			      limit - 1);
	if (t.start[0] != letter || t.len > 3 || t.len < 2 ||
	    !isdigit((unsigned char)t.start[1]) ||
	    !number(t.start + 1, t.len - 1, &n) || n >= limit)
		return refuse(p, t.start, "not one of %c0 to %c%u: \"%.*s\"",
			      letter, letter, limit - 1, (int)t.len, t.start);
	*index = n;
	return true;
}

static bool symbol(const char *name, size_t len, uint64_t *value)
{
	unsigned int i;

	for (i = 0; i < nsymbols; i++) {
		if (strlen(symbols[i].name) == len &&
		    !memcmp(symbols[i].name, name, len)) {
			*value = symbols[i].value;
			return true;
		}
	}
	return false;
}

bool symbol_define(const char *name, uint64_t value)
{
	size_t len = strlen(name);
	unsigned int i;

	if (!islower((unsigned char)name[0]) ||
	    len >= sizeof(symbols[0].name) ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		return false;

	for (i = 0; i < nsymbols && strcmp(symbols[i].name, name); i++)
		;
	if (i == ARRAY_SIZE(symbols))
		return false;
	if (i == nsymbols)
		nsymbols++;
	memcpy(symbols[i].name, name, len + 1);
	symbols[i].value = value;
	return true;
}

/*
 * NUMBER, NAME, NAME+NUMBER or NAME-NUMBER. @delta gets the part that does not
 * depend on where the name lies on this machine.
 */
bool token_offset(struct parser *p, struct token t, uint64_t *value,
		  uint64_t *delta)
{
	uint64_t base = 0;
	size_t n = 0;

	*delta = 0;
	if (!t.len || !islower((unsigned char)t.start[0])) {
		if (!token_number(p, t, delta))
			return false;
		*value = *delta;
		return true;
	}

	while (n < t.len && t.start[n] != '+' && t.start[n] != '-')
		n++;
	if (!symbol(t.start, n, &base))
		return refuse(p, t.start, "unknown name \"%.*s\"", (int)n,
			      t.start);
	if (n < t.len) {
		struct token rest = { t.start + n + 1, t.len - n - 1 };

		if (!token_number(p, rest, delta))
			return false;
		if (t.start[n] == '-')
			*delta = -*delta;
	}
	*value = base + *delta;
	return true;
}

/* mN, mN+NUMBER or mN-NUMBER */
bool token_at(struct parser *p, struct token t, unsigned int *map,
	      uint64_t *off)
{
	struct token name = t;
	size_t n = 0;

	while (n < t.len && t.start[n] != '+' && t.start[n] != '-')
		n++;
	name.len = n;
	if (!token_handle(p, name, 'm', MAX_MAPS, map))
		return false;
	*off = 0;
	if (n < t.len) {
		struct token rest = { t.start + n + 1, t.len - n - 1 };

		if (!token_number(p, rest, off))
			return false;
		if (t.start[n] == '-')
			*off = -*off;
	}
	return true;
}

bool token_place(struct parser *p, struct op *op)
{
	return token_at(p, token_next(p), &op->map, &op->off);
}

/* One of @names; @what says of what, should it be none. */
bool token_name(struct parser *p, struct token t, const struct name *names,
		const char *what, int *value)
{
	for (; names->text; names++) {
		if (token_is(t, names->text)) {
			*value = names->value;
			return true;
		}
	}
	return refuse(p, t.start, "unknown %s \"%.*s\"", what, (int)t.len,
		      t.start);
}

/* Some of @names with commas between them, none twice. */
bool token_names(struct parser *p, struct token t, const struct name *names,
		 const char *what, int *value)
{
	const char *end = t.start + t.len;
	int sum = 0, one = 0;

	for (;;) {
		const char *comma = memchr(t.start, ',', end - t.start);

		t.len = (comma ? comma : end) - t.start;
		if (!token_name(p, t, names, what, &one))
			return false;
		if (sum & one)
			return refuse(p, t.start, "\"%.*s\" is there twice",
				      (int)t.len, t.start);
		sum |= one;
		if (!comma)
			break;
		t.start = comma + 1;
	}
	*value = sum;
	return true;
}

bool token_width(struct parser *p, struct token t, unsigned int *value)
{
	if (t.len == 1 && strchr("1248", t.start[0])) {
		*value = t.start[0] - '0';
		return true;
	}
	return refuse(p, t.start, "width is 1, 2, 4 or 8 bytes, not \"%.*s\"",
		      (int)t.len, t.start);
}

bool token_prot(struct parser *p, struct token t, int *value)
{
	size_t i;

	*value = PROT_NONE;
	if (token_is(t, "none"))
		return true;
	for (i = 0; i < t.len; i++) {
		int bit = t.start[i] == 'r' ? PROT_READ :
			  t.start[i] == 'w' ? PROT_WRITE :
			  t.start[i] == 'x' ? PROT_EXEC : 0;

		if (!bit || (*value & bit))
			break;
		*value |= bit;
	}
	if (t.len && i == t.len)
		return true;
	return refuse(p, t.start, "prot is none or some of rwx, not \"%.*s\"",
		      (int)t.len, t.start);
}

static const struct name map_flags[] = {
	{ "shared", MAP_SHARED },
	{ "private", MAP_PRIVATE },
	{ "fixed", MAP_FIXED },
	{ "noreplace", MAP_FIXED_NOREPLACE },
	{ "populate", MAP_POPULATE },
	{ "locked", MAP_LOCKED },
	{ "noreserve", MAP_NORESERVE },
	{ NULL, 0 },
};

bool token_flags(struct parser *p, struct token t, int *value)
{
	if (!token_names(p, t, map_flags, "flags", value))
		return false;
	if (!(*value & MAP_SHARED) == !(*value & MAP_PRIVATE))
		return refuse(p, t.start,
			      "flags have shared or private, not both: \"%.*s\"",
			      (int)t.len, t.start);
	return true;
}

bool token_order(struct parser *p, struct token t, enum order *value)
{
	if (token_is(t, "forward"))
		*value = ORDER_FORWARD;
	else if (token_is(t, "backward"))
		*value = ORDER_BACKWARD;
	else if (token_is(t, "shuffled"))
		*value = ORDER_SHUFFLED;
	else
		return refuse(p, t.start,
			      "order is forward, backward or shuffled, not \"%.*s\"",
			      (int)t.len, t.start);
	return true;
}

/* Two hexadecimal digits. */
static bool hex_byte(const char *text, unsigned char *byte)
{
	char pair[5] = { '0', 'x', text[0], text[1], '\0' };
	uint64_t value;

	if (!number(pair, 4, &value))
		return false;
	*byte = value;
	return true;
}

/* @len digits, two for each byte of @data. */
bool parse_hex(const char *text, size_t len, unsigned char *data)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		if (!hex_byte(text + i, &data[i / 2]))
			return false;
	return i == len;
}

bool token_data(struct parser *p, struct token t, struct op *op)
{
	size_t i;

	if (!t.len || t.len % 2 || t.len / 2 > MAX_DATA)
		return refuse(p, t.start,
			      "data is 1 to %d bytes in hexadecimal", MAX_DATA);
	for (i = 0; i < t.len; i += 2)
		if (!hex_byte(t.start + i, &op->data[i / 2]))
			return refuse(p, t.start, "not hexadecimal: \"%.2s\"",
				      t.start + i);
	op->ndata = t.len / 2;
	op->len = op->ndata;
	return true;
}
