// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: is what was told of a run what the case says? What is not is
 * printed, as comments of KTAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

/* Taint bits that mean that the kernel found something: B, D, W, L. */
#define BAD_TAINT	(1UL << 5 | 1UL << 7 | 1UL << 9 | 1UL << 14)

/* Signs in the kernel log of something that is wrong. */
static bool is_complaint(const char *text)
{
	static const char * const starts[] = {
		"BUG", "WARNING: ", "UBSAN: ", "Oops", "INFO: task ",
		"general protection fault",
	};
	static const char * const parts[] = {
		"conflicting memory types", "map pfn", ": bad pmd ", "soft lockup",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(starts); i++)
		if (!strncmp(text, starts[i], strlen(starts[i])))
			return true;
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(text, parts[i]))
			return true;
	return false;
}

/* The claim of an operation; behind the last one, of the end of the program. */
static void print_place(const struct test_case *c, unsigned int index)
{
	const struct claim *claim = &c->claim[index];

	if (index >= shared->nops)
		printf("%s: the end", c->path);
	else
		printf("%s:%u: %.*s", c->path, claim->line, (int)claim->len,
		       claim->text);
}

/* "INDEX RESULT": as it is due? @different: another one before was not. */
static bool check_result(const struct test_case *c, char *text, bool different)
{
	char *came = strchr(text, ' ');
	unsigned int index = strtoul(text, NULL, 10);

	if (!came || index >= shared->nops)
		return false;
	if (claim_met(&c->claim[index], ++came))
		return true;
	if (different)
		return false;

	printf("# ");
	print_place(c, index);
	printf("\n#   due  %s\n#   came %s\n",
	       c->claim[index].due + strspn(c->claim[index].due, " \t"), came);
	return false;
}

/* "VERDICT INDEX killable|unkillable TAINT": nothing to object to? */
static bool check_verdict(const struct test_case *c, const char *text,
			  unsigned long *taint)
{
	char verdict[16], end[16];
	unsigned long before = *taint, fresh;
	unsigned int index;

	if (sscanf(text, "%15s %u %15s %lu", verdict, &index, end, taint) != 4)
		return false;
	fresh = *taint & ~before & BAD_TAINT;
	if (fresh)
		printf("# the kernel is tainted: 0x%lx\n", fresh);
	if (!strcmp(verdict, "ok"))
		return !fresh;

	printf("# verdict %s%s at ", verdict,
	       strcmp(end, "killable") ? " unkillable" : "");
	print_place(c, index);
	printf("\n");
	return false;
}

/*
 * Go through all that was told of a run, and tell what is wrong with it: false.
 * @taint: of the kernel before, and then after it.
 */
bool judge_run(const struct test_case *c, char *told, unsigned long *taint)
{
	bool good = true, ended = false;
	char *line, *save;

	for (line = strtok_r(told, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *rest = strchr(line, ' ');

		if (!rest)
			continue;
		*rest++ = '\0';
		if (!strcmp(line, "result")) {
			good = check_result(c, rest, !good) && good;
		} else if (!strcmp(line, "verdict")) {
			good = check_verdict(c, rest, taint) && good;
			ended = true;
		} else if (!strcmp(line, "log")) {
			const char *text = strchr(rest, ' ');

			printf("# log %s\n", rest);
			good = good && !(text && is_complaint(text + 1));
		} else if (strcmp(line, "alive")) {
			printf("# %s %s\n", line, rest);
		}
	}
	return good && ended;
}
