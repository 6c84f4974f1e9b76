// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: runs cases, and tells in KTAP what came of them.
 *
 *   agent replay [--node PATH] [--let NAME=NUMBER]... CASE...
 *
 * CASE is a file, or a folder of files that end in ".case". A case that names
 * nodes is a test on each of them; with --node, on that one alone. The status is
 * 0 when nothing failed, 1 when something did, 2 when nothing was run because of
 * the arguments or a malformed case, and 4, as kselftest has it, when all tests
 * were skipped.
 *
 * The kernel knows a worker as "mp.TEST.OPERATION", so a report of the kernel
 * tells which test it is about.
 */
#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "case.h"

#define NODE_FOLDER	"/dev/memphys/"
#define ENDING		".case"

enum status {
	STATUS_PASSED = 0,
	STATUS_FAILED = 1,
	STATUS_REFUSED = 2,
	STATUS_SKIPPED = 4,
};

/**
 * struct replay - all that is to be run, and what came of it
 * @paths: of the cases
 * @npaths: how many
 * @node: path of the node that is to stand for all; NULL: those of the case
 * @cal: of this machine
 * @taint: of the kernel, after the last test
 * @tests: how many there will be
 * @number: of the test at hand, from 1 on
 * @failed: how many have
 * @skipped: how many were
 * @alive: no process is left that could not be killed
 */
struct replay {
	char **paths;
	unsigned int npaths;
	const char *node;
	struct calibration cal;
	unsigned long taint;
	unsigned int tests;
	unsigned int number;
	unsigned int failed;
	unsigned int skipped;
	bool alive;
};

/* What has been told counts, whatever comes next. */
static void tell_now(void)
{
	fflush(stdout);
	/* On a console the kernel writes, too: let the line out first. */
	tcdrain(STDOUT_FILENO);
}

/* Why the case cannot be run here; NULL: it can. */
static const char *reason_to_skip(const char *node)
{
	static char reason[MAX_PATH + 8];
	unsigned int i;

	for (i = 0; i < shared->nops; i++) {
		const struct op *op = &shared->op[i];
		const char *path = op->path;

		if (locate_missing(op))
			return locate_missing(op);
		if (op->kind != OP_OPEN)
			continue;
		if (!strcmp(path, ANY_NODE))
			path = node;
		if (!access(path, F_OK))
			continue;
		snprintf(reason, sizeof(reason), "no %s", path);
		return reason;
	}
	return NULL;
}

/* Run the program in @shared, with every ANY_NODE replaced. */
static bool run(struct replay *r, const struct test_case *c, const char *node)
{
	unsigned int i;
	bool good;
	char *told;

	for (i = 0; i < shared->nops; i++)
		if (!strcmp(shared->op[i].path, ANY_NODE))
			snprintf(shared->op[i].path, MAX_PATH, "%s", node);

	shared->run = r->number;
	r->alive = watch_run(RUN_FRESH, &r->cal);
	told = told_take();
	good = told && judge_run(c, told, &r->taint);
	free(told);
	return good;
}

/* One test: a case on one node. @name: of the node, in the result. */
static void run_test(struct replay *r, struct test_case *c, const char *name)
{
	const char *reason;
	char node[MAX_PATH];
	bool good = false;

	snprintf(node, sizeof(node), "%s%s",
		 *name == '/' ? "" : NODE_FOLDER, name);
	r->number++;
	reason = reason_to_skip(node);
	if (!reason)
		good = run(r, c, node);
	r->failed += !reason && !good;
	r->skipped += !!reason;
	printf("%sok %u %s%s%s", reason || good ? "" : "not ", r->number,
	       c->name, c->nnodes ? " " : "", c->nnodes ? name : "");
	printf("%s%s\n", reason ? " # SKIP " : "", reason ? reason : "");
	tell_now();
}

static unsigned int count_tests(const struct replay *r,
				const struct test_case *c)
{
	return c->nnodes && !r->node ? c->nnodes : 1;
}

/* Each run leaves the program as it ran: read it again for the next one. */
static void run_case(struct replay *r, struct test_case *c, const char *path)
{
	unsigned int i, n = 1;

	for (i = 0; i < n && r->alive; i++) {
		if (!case_read(c, path)) {
			printf("# %s has changed\n", path);
			r->failed++;
			return;
		}
		n = count_tests(r, c);
		run_test(r, c, !c->nnodes ? "" : r->node ? : c->nodes[i]);
		case_free(c);
	}
}

static void tell_malformed(const struct test_case *c)
{
	const struct parser *p = &c->parser;

	if (p->number)
		fprintf(stderr, "%s:%u:%u: %s\n", c->path, p->number,
			p->column, p->message);
	else
		fprintf(stderr, "%s: %s\n", c->path, p->message);
}

/* Read all cases once; false when one of them is malformed. */
static bool check_cases(struct replay *r, struct test_case *c)
{
	bool good = true;
	unsigned int i;

	for (i = 0; i < r->npaths; i++) {
		if (case_read(c, r->paths[i])) {
			r->tests += count_tests(r, c);
		} else {
			tell_malformed(c);
			good = false;
		}
		case_free(c);
	}
	return good;
}

static bool add_path(struct replay *r, const char *path)
{
	size_t bytes = (r->npaths + 1) * sizeof(*r->paths);
	char **grown = realloc(r->paths, bytes);

	if (!grown)
		return false;
	r->paths = grown;
	r->paths[r->npaths] = strdup(path);
	return r->paths[r->npaths++];
}

static int is_case(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > strlen(ENDING) &&
	       !strcmp(entry->d_name + len - strlen(ENDING), ENDING);
}

/* A file, or all cases in a folder. */
static bool add_cases(struct replay *r, const char *path)
{
	struct dirent **entries;
	int i, n = scandir(path, &entries, is_case, alphasort);
	bool good = true;

	if (n < 0)
		return add_path(r, path);
	for (i = 0; i < n; i++) {
		char full[4096];

		snprintf(full, sizeof(full), "%s/%s", path, entries[i]->d_name);
		good = good && add_path(r, full);
		free(entries[i]);
	}
	free(entries);
	return good;
}

/* NAME=NUMBER */
static bool let(char *text)
{
	char *value = strchr(text, '=');
	uint64_t number;

	if (!value)
		return false;
	*value++ = '\0';
	return parse_number(value, &number) && symbol_define(text, number);
}

static bool read_arguments(struct replay *r, int argc, char **argv)
{
	static const struct option options[] = {
		{ "let", required_argument, NULL, 'l' },
		{ "node", required_argument, NULL, 'n' },
		{ }
	};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'n':
			r->node = optarg;
			good = *optarg == '/' && strlen(optarg) < MAX_PATH;
			break;
		case 'l':
			good = let(optarg);
			break;
		default:
			good = false;
		}
	}
	while (good && optind < argc)
		good = add_cases(r, argv[optind++]);
	if (good && r->npaths)
		return true;
	fprintf(stderr, "%s: agent replay [--node /PATH] [--let NAME=NUMBER] CASE...\n",
		good ? "no cases" : "not understood");
	return false;
}

/* A user who has seen enough; whoever reads sees that it is not the end. */
static void on_interrupt(int sig)
{
	static const char text[] = "Bail out! interrupted\n";

	signal(sig, SIG_DFL);
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(STATUS_FAILED);
	raise(sig);
}

static enum status run_all(struct replay *r, struct test_case *c)
{
	unsigned int i;

	printf("KTAP version 1\n1..%u\n", r->tests);
	tell_now();
	for (i = 0; i < r->npaths && r->alive; i++)
		run_case(r, c, r->paths[i]);
	if (!r->alive) {
		printf("Bail out! a process cannot be killed: restart this machine\n");
		tell_now();
		return STATUS_FAILED;
	}

	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0\n",
	       r->tests - r->failed - r->skipped, r->failed, r->skipped);
	tell_now();
	if (r->failed)
		return STATUS_FAILED;
	return r->skipped == r->tests ? STATUS_SKIPPED : STATUS_PASSED;
}

int replay(int argc, char **argv)
{
	static struct test_case c;
	struct replay r = { .alive = true };

	if (!told_open())
		return STATUS_REFUSED;
	locate_names();
	if (!read_arguments(&r, argc, argv) || !check_cases(&r, &c))
		return STATUS_REFUSED;

	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
	r.cal = calibrate();
	r.taint = kmsg_taint();
	return run_all(&r, &c);
}
