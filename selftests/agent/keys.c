// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: the part of an operation that comes as key=value.
 */
#include <string.h>

#include "parse.h"

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
	{ "at", KEY_AT },
	{ "new", KEY_NEW },
	{ "via", KEY_VIA },
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
		return op->kind == OP_MREMAP ?
		       token_names(p, t, remap_flags, "flags", &op->flags) :
		       token_flags(p, t, &op->flags);
	case KEY_WIDTH:
		return token_width(p, t, &op->width);
	case KEY_SEED:
		op->seeded = true;
		return token_number(p, t, &op->value);
	case KEY_ORDER:
		return token_order(p, t, &op->order);
	case KEY_DATA:
		return token_data(p, t, op);
	case KEY_AT:
		op->placed = true;
		return token_at(p, t, &op->at_map, &op->at_off);
	case KEY_NEW:
		return token_number(p, t, &op->value);
	case KEY_VIA:
		return token_name(p, t, op->kind == OP_PEEK ?
				  peek_ways : poke_ways, "via", &op->via);
	}
	return false;
}

/* key=value until the end of the line: some of @may, all of @must. */
bool key_values(struct parser *p, struct op *op, unsigned int must,
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

bool end_of_line(struct parser *p)
{
	struct token t = token_next(p);

	if (!t.len)
		return true;
	return refuse(p, t.start, "nothing is expected here: \"%.*s\"",
		      (int)t.len, t.start);
}
