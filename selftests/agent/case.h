/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys agent: what the parts of the replay share.
 */
#ifndef CASE_H
#define CASE_H

#include "agent.h"

#define MAX_NODES	16	/* on which a case is run, one after the other */

/* The path that stands for one node after the other. */
#define ANY_NODE	"{node}"

/**
 * struct claim - what an operation of a case has to come to
 * @line: number of its line
 * @text: the operation as it is written
 * @len: length of that
 * @due: the results that are right, with "|" between
 */
struct claim {
	unsigned int line;
	const char *text;
	unsigned int len;
	const char *due;
};

/**
 * struct test_case - a file with a program and its results
 * @path: of the file
 * @name: the last part of @path, without its ending
 * @text: the file, cut into lines
 * @nodes: what is named behind "# nodes:", paths or what comes behind
 *	   /dev/memphys/
 * @nnodes: how many; 0 when the program opens no ANY_NODE
 * @nodes_line: number of the line that names them
 * @claim: for each operation in @shared
 * @parser: says what is wrong with the file, and where
 */
struct test_case {
	const char *path;
	char name[64];
	char *text;
	char *nodes[MAX_NODES];
	unsigned int nnodes;
	unsigned int nodes_line;
	struct claim claim[MAX_OPS];
	struct parser parser;
};

/* case.c: a case from its file; its program goes into @shared. */
bool case_read(struct test_case *c, const char *path);
void case_free(struct test_case *c);
bool claim_met(const struct claim *claim, const char *came);

/* locate.c: what the names in file offsets stand for on this machine. */
void locate_names(void);
const char *locate_missing(const struct op *op);

/* judge.c: is a run what its case says? */
bool judge_run(const struct test_case *c, char *told, unsigned long *taint);

/* told.c: what is told of a run, kept until it is over. */
bool told_open(void);
char *told_take(void);

#endif /* CASE_H */
