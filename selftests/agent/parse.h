/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys agent: what the two halves of the parser share.
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
bool token_width(struct parser *p, struct token t, unsigned int *value);
bool token_prot(struct parser *p, struct token t, int *value);
bool token_flags(struct parser *p, struct token t, int *value);
bool token_order(struct parser *p, struct token t, enum order *value);
bool token_data(struct parser *p, struct token t, struct op *op);

#endif /* PARSE_H */
