// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: operations that look at what the kernel has for a mapping. They
 * bring no page, and so change nothing of what they look at; no memory is
 * asked for either, as a limit may have been set.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

/* What /proc/PID/pagemap has of a page; Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_SWAP	(1ULL << 62)
#define PAGEMAP_FILE	(1ULL << 61)
#define PAGEMAP_PFN	((1ULL << 55) - 1)

/* In place of what the kernel has for a page: there is none, or it is secret. */
#define LOOK_ABSENT	UINT64_MAX
#define LOOK_HIDDEN	(UINT64_MAX - 1)

/* What a page is used for; the other bits come and go by themselves. */
static const struct {
	unsigned int bit;
	const char *name;
} page_flags[] = {
	{ 12, "anon" },
	{ 10, "buddy" },
	{ 19, "hwpoison" },
	{ 20, "nopage" },
	{ 23, "offline" },
	{ 26, "pgtable" },
	{ 7, "slab" },
	{ 24, "zero" },
};

static void set_errno(struct result *res, int err)
{
	res->kind = RESULT_ERRNO;
	res->err = err;
}

/* Words of 64 bits of a file, from that one on; 0 or an errno. */
static int read_words(const char *path, uint64_t first, uint64_t *words,
		      size_t count)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err = 0;

	if (fd < 0)
		return errno;
	/* Nothing is said of what lies past the end: it is not there. */
	memset(words, 0, count * sizeof(*words));
	n = pread(fd, words, count * sizeof(*words), first * sizeof(*words));
	if (n < 0)
		err = errno;
	close(fd);
	return err;
}

/* In place of each word of pagemap, what another file has of that page. */
static int look_up(const char *path, uint64_t *words, size_t count)
{
	size_t i;
	int err = 0;

	for (i = 0; i < count && !err; i++) {
		uint64_t pfn = words[i] & PAGEMAP_PFN;

		if (!(words[i] & PAGEMAP_PRESENT))
			words[i] = LOOK_ABSENT;
		else if (!pfn)
			words[i] = LOOK_HIDDEN;
		else
			err = read_words(path, pfn, &words[i], 1);
	}
	return err;
}

static void look_at_pages(const struct op *op, struct result *res, uint64_t at)
{
	uint64_t first = at / page_size;
	uint64_t count = 0;
	int err;

	if (op->len)
		count = (at % page_size + op->len - 1) / page_size + 1;
	if (op->len > MAX_LOOK * page_size || count > MAX_LOOK) {
		set_errno(res, E2BIG);
		return;
	}
	err = read_words("/proc/self/pagemap", first, res->words, count);
	if (!err && op->kind == OP_KPAGEFLAGS)
		err = look_up("/proc/kpageflags", res->words, count);
	if (!err && op->kind == OP_KPAGECOUNT)
		err = look_up("/proc/kpagecount", res->words, count);
	if (err) {
		set_errno(res, err);
		return;
	}
	res->kind = RESULT_PAGES;
	res->count = count;
}

/**
 * struct lines - a file that is read line by line
 * @fd: the file
 * @at: what has been handed out of @buf
 * @have: what is in it
 * @buf: the part at hand
 */
struct lines {
	int fd;
	size_t at;
	size_t have;
	char buf[4096];
};

/* The next line without its end; NULL when there is none. */
static char *next_line(struct lines *l)
{
	char *line, *end;
	ssize_t n;

	for (;;) {
		line = l->buf + l->at;
		end = memchr(line, '\n', l->have - l->at);
		if (end) {
			*end = '\0';
			l->at = end + 1 - l->buf;
			return line;
		}
		memmove(l->buf, line, l->have - l->at);
		l->have -= l->at;
		l->at = 0;
		n = read(l->fd, l->buf + l->have, sizeof(l->buf) - l->have);
		if (n <= 0)
			return NULL;
		l->have += n;
	}
}

static int by_text(const void *one, const void *other)
{
	return strcmp(*(char * const *)one, *(char * const *)other);
}

/* Append the words of @text in order; kernels differ in theirs. */
static size_t sort_words(char *to, size_t size, char *text)
{
	char *words[64], *rest = NULL;
	size_t count = 0, done = 0, i;
	char *word;

	for (word = strtok_r(text, " ", &rest); word && count < 64;
	     word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	qsort(words, count, sizeof(words[0]), by_text);
	for (i = 0; i < count && done < size; i++)
		done += snprintf(to + done, size - done, "%s ", words[i]);
	return done < size ? done : size;
}

/* What comes after the line that names the VMA. */
static void look_at_vma(struct lines *l, struct result *res)
{
	unsigned long unit = page_size / 1024;
	unsigned long rss = 0, anonymous = 0;
	char *to = (char *)res->data;
	char *line;

	while ((line = next_line(l))) {
		if (sscanf(line, "Rss: %lu", &rss) == 1 ||
		    sscanf(line, "Anonymous: %lu", &anonymous) == 1)
			continue;
		if (strncmp(line, "VmFlags: ", 9))
			continue;
		res->count = sort_words(to, MAX_DATA, line + 9);
		res->count += snprintf(to + res->count, MAX_DATA - res->count,
				       "rss=%lu anonymous=%lu", rss / unit,
				       anonymous / unit);
		res->kind = RESULT_WORDS;
		return;
	}
}

static void look_at_smaps(struct result *res, uint64_t at)
{
	struct lines l = { .fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC) };
	uint64_t start, end;
	char *line;

	if (l.fd < 0) {
		set_errno(res, errno);
		return;
	}
	set_errno(res, ENOMEM);
	while ((line = next_line(&l))) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) != 2)
			continue;
		if (at >= start && at < end)
			look_at_vma(&l, res);
		if (at < end)
			break;
	}
	close(l.fd);
}

/* @at: the address that the operation is about; @op has its length. */
void look_run(const struct op *op, struct result *res, uint64_t at)
{
	if (op->kind == OP_SMAPS)
		look_at_smaps(res, at);
	else
		look_at_pages(op, res, at);
}

static void print_frame(uint64_t word)
{
	uint64_t pfn = word & PAGEMAP_PFN;

	if (word & PAGEMAP_SWAP)
		port_print("swap");
	else if (!(word & PAGEMAP_PRESENT))
		port_print("-");
	else if (!pfn)
		port_print("hidden");
	else
		port_print("0x%" PRIx64 "%s", pfn,
			   word & PAGEMAP_FILE ? ":file" : "");
}

static void print_flags(uint64_t word)
{
	const char *comma = "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(page_flags); i++) {
		if (!(word & 1ULL << page_flags[i].bit))
			continue;
		port_print("%s%s", comma, page_flags[i].name);
		comma = ",";
	}
	if (!*comma)
		port_print("none");
}

/* A word for each page. */
void look_print(const struct op *op, const struct result *res)
{
	uint64_t i;

	port_print("ok [");
	for (i = 0; i < res->count; i++) {
		uint64_t word = res->words[i];

		if (i)
			port_print(" ");
		if (op->kind == OP_PAGEMAP)
			print_frame(word);
		else if (word == LOOK_ABSENT)
			port_print("-");
		else if (word == LOOK_HIDDEN)
			port_print("hidden");
		else if (op->kind == OP_KPAGEFLAGS)
			print_flags(word);
		else
			port_print("%" PRIu64, word);
	}
	port_print("]");
}
