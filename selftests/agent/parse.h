/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys agent: what the parts of the parser share.
 */
#ifndef PARSE_H
#define PARSE_H

#include "agent.h"

/**
 * struct token - a part of the line: a word, or one side of a key=value
 * @start: its first character
 * @len: its length; 0 at the end of the line
 */
struct token {
	const char *start;
	size_t len;
};

/* What may come as key=value. */
enum key {
	KEY_OFF = 1 << 0,
	KEY_LEN = 1 << 1,
	KEY_PROT = 1 << 2,
	KEY_FLAGS = 1 << 3,
	KEY_WIDTH = 1 << 4,
	KEY_SEED = 1 << 5,
	KEY_ORDER = 1 << 6,
	KEY_DATA = 1 << 7,
	KEY_AT = 1 << 8,
	KEY_NEW = 1 << 9,
	KEY_VIA = 1 << 10,
};

/**
 * struct name - a word that stands for a number; the last has none
 * @text: the word
 * @value: the number
 */
struct name {
	const char *text;
	int value;
};

/**
 * struct form - what an operation looks like
 * @name: its first word
 * @kind: the operation
 * @parse: reads the rest of the line
 */
struct form {
	const char *name;
	enum op_kind kind;
	bool (*parse)(struct parser *p, struct op *op);
};

extern const struct form forms[];
extern const size_t nforms;
extern const struct name remap_flags[];
extern const struct name peek_ways[];
extern const struct name poke_ways[];

/*
 * All of these are true for what they can read, and leave place and reason in
 * the parser where they cannot.
 */
bool refuse(struct parser *p, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
struct token token_next(struct parser *p);
bool token_is(struct token t, const char *text);
bool token_number(struct parser *p, struct token t, uint64_t *value);
bool token_handle(struct parser *p, struct token t, char letter,
		  unsigned int limit, unsigned int *index);
bool token_offset(struct parser *p, struct token t, uint64_t *value,
		  uint64_t *delta);
bool token_place(struct parser *p, struct op *op);
bool token_at(struct parser *p, struct token t, unsigned int *map,
	      uint64_t *off);
bool token_name(struct parser *p, struct token t, const struct name *names,
		const char *what, int *value);
bool token_names(struct parser *p, struct token t, const struct name *names,
		 const char *what, int *value);
bool token_width(struct parser *p, struct token t, unsigned int *value);
bool token_prot(struct parser *p, struct token t, int *value);
bool token_flags(struct parser *p, struct token t, int *value);
bool token_order(struct parser *p, struct token t, enum order *value);
bool token_data(struct parser *p, struct token t, struct op *op);

/* keys.c */
bool key_values(struct parser *p, struct op *op, unsigned int must,
		unsigned int may);
bool end_of_line(struct parser *p);

/* ready.c */
bool ready_request(struct parser *p, struct op *op);

/* forms.c and forms_space.c */
bool file_handle(struct parser *p, struct op *op);
bool parse_memfd(struct parser *p, struct op *op);
bool parse_mmap(struct parser *p, struct op *op);
bool parse_mremap(struct parser *p, struct op *op);
bool parse_munmap(struct parser *p, struct op *op);
bool parse_mprotect(struct parser *p, struct op *op);
bool parse_madvise(struct parser *p, struct op *op);
bool parse_msync(struct parser *p, struct op *op);
bool parse_limit(struct parser *p, struct op *op);
bool parse_userfault(struct parser *p, struct op *op);

#endif /* PARSE_H */
