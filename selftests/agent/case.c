// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: cases. A case is a program with the result of each operation
 * behind "=>"; results that are all right have "|" between them. Comments say
 * what it is about, and one of them may name the nodes that it is run on:
 *
 *   # nodes: remap fault
 *
 * mmapkit/case.py reads the same.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"
#include "parse.h"

#define NODES	"# nodes:"

/* Results as result.c writes them: they are compared by their text. */
#define HEX	"0x(0|[1-9a-f][0-9a-f]*)"
#define TERM	"[-0-9a-z:,=]+"
#define RESULT	"^(ok|ok " HEX "|ok =([0-9a-f]{2})*|"			\
		"ok \\[(" TERM "( " TERM ")*)?\\]|"			\
		"ok (0|[1-9][0-9]*) #[0-9a-f]{8}|E[A-Z0-9]+|"		\
		"SIG[A-Z]+ m(0|[1-9][0-9]?)[+-]" HEX " [A-Z_]+|"	\
		"killed SIG[A-Z]+|void|none)$"

static bool is_result(const char *text, size_t len)
{
	static regex_t form;
	static bool ready;
	char copy[4096];

	if (!ready)
		ready = !regcomp(&form, RESULT, REG_EXTENDED | REG_NOSUB);
	if (!ready || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return !regexec(&form, copy, 0, NULL, 0);
}

static bool blank(char c)
{
	return isspace((unsigned char)c);
}

/* The next of results with "|" between them; @rest is what follows, or NULL. */
static struct token next_result(const char *text, const char **rest)
{
	const char *bar = strchr(text, '|');
	struct token t;

	while (blank(*text))
		text++;
	t.start = text;
	t.len = bar ? (size_t)(bar - text) : strlen(text);
	while (t.len && blank(t.start[t.len - 1]))
		t.len--;
	*rest = bar ? bar + 1 : NULL;
	return t;
}

/* Is what came one of those that are right? */
bool claim_met(const struct claim *claim, const char *came)
{
	const char *rest = claim->due;

	while (rest)
		if (token_is(next_result(rest, &rest), came))
			return true;
	return false;
}

/* Results end where a comment begins, which a digest does not. */
static void cut_comment(char *text)
{
	char *at = text;

	while ((at = strchr(at, '#'))) {
		if (blank(at[-1]) && (!at[1] || blank(at[1]))) {
			*at = '\0';
			return;
		}
		at++;
	}
}

/* What is behind "=>", on a line that has an operation. */
static bool read_claim(struct parser *p, struct claim *claim)
{
	const char *rest = p->at + 2;

	claim->line = p->number;
	claim->text = p->line;
	while (blank(*claim->text))
		claim->text++;
	claim->len = p->at - claim->text;
	while (claim->len && blank(claim->text[claim->len - 1]))
		claim->len--;

	if (strncmp(p->at, "=>", 2))
		return refuse(p, p->at, "=> and a result are due");
	cut_comment((char *)rest);
	claim->due = rest;
	while (rest) {
		struct token t = next_result(rest, &rest);

		if (!is_result(t.start, t.len))
			return refuse(p, t.start,
				      "not a result as the agent tells it: \"%.*s\"",
				      (int)t.len, t.start);
	}
	return true;
}

static bool read_nodes(struct test_case *c, char *line)
{
	struct parser *p = &c->parser;
	char *at = line + strlen(NODES);

	if (c->nodes_line)
		return refuse(p, line, "nodes are named in line %u",
			      c->nodes_line);
	c->nodes_line = p->number;
	while ((at += strspn(at, " \t\r")), *at) {
		if (c->nnodes == MAX_NODES)
			return refuse(p, at, "at most %d nodes are due",
				      MAX_NODES);
		c->nodes[c->nnodes++] = at;
		at += strcspn(at, " \t\r");
		if (*at)
			*at++ = '\0';
	}
	return c->nnodes || refuse(p, at, "a node is due");
}

/* The file of an open is one of the machine's, or one of "# nodes:". */
static bool check_path(struct test_case *c, const struct op *op)
{
	struct parser *p = &c->parser;

	if (op->kind != OP_OPEN)
		return true;
	if (strcmp(op->path, ANY_NODE))
		return op->path[0] == '/' ||
		       refuse(p, p->line, "a path is / and more, or " ANY_NODE);
	return c->nnodes ||
	       refuse(p, p->line, "no line \"" NODES "\" before " ANY_NODE);
}

static bool read_line(struct test_case *c, char *line)
{
	struct parser *p = &c->parser;
	unsigned int index = shared->nops;

	if (!program_take(p, line))
		return false;
	if (!strncmp(line, NODES, strlen(NODES)))
		return read_nodes(c, line);
	if (shared->nops > index)
		return check_path(c, &shared->op[index]) &&
		       read_claim(p, &c->claim[index]);
	return strncmp(p->at, "=>", 2) ||
	       refuse(p, p->at, "a result without an operation");
}

/* Nodes are there for a program that opens them. */
static bool check_whole(struct test_case *c)
{
	struct parser *p = &c->parser;
	unsigned int i;

	if (!program_end(p))
		return false;
	p->line = "";
	if (!shared->nops)
		return refuse(p, p->line, "there is no operation");
	for (i = 0; i < shared->nops && c->nnodes; i++)
		if (shared->op[i].kind == OP_OPEN &&
		    !strcmp(shared->op[i].path, ANY_NODE))
			return true;
	p->number = c->nnodes ? c->nodes_line : p->number;
	return !c->nnodes || refuse(p, p->line, "nothing opens " ANY_NODE);
}

/* A text file, with a NUL behind; NULL and errno where that cannot be. */
static char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st))
		text = calloc(1, st.st_size + 1);
	if (text && (read(fd, text, st.st_size) != st.st_size ||
		     memchr(text, '\0', st.st_size))) {
		errno = EILSEQ;
		free(text);
		text = NULL;
	}
	close(fd);
	return text;
}

static void name_case(struct test_case *c)
{
	const char *slash = strrchr(c->path, '/');
	char *dot;

	snprintf(c->name, sizeof(c->name), "%s", slash ? slash + 1 : c->path);
	dot = strrchr(c->name, '.');
	if (dot && dot != c->name)
		*dot = '\0';
}

/* False when there is no such case; the parser says why. */
bool case_read(struct test_case *c, const char *path)
{
	struct parser *p = &c->parser;
	char *line, *next;

	memset(c, 0, sizeof(*c));
	c->path = path;
	name_case(c);
	program_begin(p);
	c->text = read_file(path);
	if (!c->text) {
		p->line = "";
		return refuse(p, p->line, "cannot be read: %s",
			      errno_name(errno));
	}

	for (line = c->text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!read_line(c, line))
			return false;
	}
	return check_whole(c);
}

void case_free(struct test_case *c)
{
	free(c->text);
	c->text = NULL;
}
