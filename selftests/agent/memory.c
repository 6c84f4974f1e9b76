// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: operations that touch memory. Each access is one instruction
 * of the width asked for; a signal that it raises is its result.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "agent.h"

#define STACK_SIZE	(1 << 16)

/* One of each a thread: any of them may be in the midst of an access. */
static __thread sigjmp_buf escape;
static __thread volatile sig_atomic_t armed;
static __thread siginfo_t caught;

/* CRC-32 of each chunk of a digest. */
static __thread uint32_t *chunk_crc;

/* Page faults of the last access, if there was one that was let through. */
static __thread uint64_t faults;
static __thread bool counted;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;

	if (!armed) {
		/* Not an operation: the agent itself. Let it be seen. */
		signal(sig, SIG_DFL);
		return;
	}

	caught = *info;
	siglongjmp(escape, 1);
}

/* Once a thread. */
void memory_init(unsigned int task)
{
	static char stacks[MAX_PROCS][STACK_SIZE];
	stack_t alternate = { .ss_sp = stacks[task], .ss_size = STACK_SIZE };
	struct sigaction action = {
		.sa_sigaction = on_signal,
		/* NODEFER: the way out is a jump, which unblocks nothing. */
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};

	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static uint64_t load(const void *at, unsigned int width)
{
	switch (width) {
	case 1:
		return *(const volatile uint8_t *)at;
	case 2:
		return *(const volatile uint16_t *)at;
	case 4:
		return *(const volatile uint32_t *)at;
	default:
		return *(const volatile uint64_t *)at;
	}
}

static void store(void *at, unsigned int width, uint64_t value)
{
	switch (width) {
	case 1:
		*(volatile uint8_t *)at = value;
		break;
	case 2:
		*(volatile uint16_t *)at = value;
		break;
	case 4:
		*(volatile uint32_t *)at = value;
		break;
	default:
		*(volatile uint64_t *)at = value;
		break;
	}
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* The stride that visits @n chunks once each, in no order of use to a cache. */
static uint64_t shuffle_stride(uint64_t n)
{
	uint64_t stride = (n * 5 / 8) | 1;

	while (gcd(stride, n) != 1)
		stride += 2;
	return stride;
}

/* Chunk number to visit as the @i-th of @n. */
static uint64_t visit(enum order order, uint64_t i, uint64_t n,
		      uint64_t stride)
{
	switch (order) {
	case ORDER_BACKWARD:
		return n - 1 - i;
	case ORDER_SHUFFLED:
		return i * stride % n;
	default:
		return i;
	}
}

/* @width is a constant wherever this is called: a loop for each of them. */
static inline __attribute__((always_inline))
void store_each(unsigned char *at, const unsigned char *buf, size_t n,
		unsigned int width)
{
	size_t i;

	for (i = 0; i < n; i += width) {
		uint64_t value = 0;

		memcpy(&value, buf + i, width);
		store(at + i, width, value);
	}
}

/* The same. */
static inline __attribute__((always_inline))
void load_each(unsigned char *buf, const unsigned char *at, size_t n,
	       unsigned int width)
{
	size_t i;

	for (i = 0; i < n; i += width) {
		uint64_t value = load(at + i, width);

		memcpy(buf + i, &value, width);
	}
}

static void fill_chunk(const struct op *op, unsigned char *at, size_t n,
		       uint64_t pos)
{
	unsigned char buf[CHUNK];

	pattern(buf, n, op->value, pos);
	switch (op->width) {
	case 1:
		store_each(at, buf, n, 1);
		break;
	case 2:
		store_each(at, buf, n, 2);
		break;
	case 4:
		store_each(at, buf, n, 4);
		break;
	default:
		store_each(at, buf, n, 8);
		break;
	}
}

static uint32_t digest_chunk(const struct op *op, const unsigned char *at,
			     size_t n)
{
	unsigned char buf[CHUNK];

	switch (op->width) {
	case 1:
		load_each(buf, at, n, 1);
		break;
	case 2:
		load_each(buf, at, n, 2);
		break;
	case 4:
		load_each(buf, at, n, 4);
		break;
	default:
		load_each(buf, at, n, 8);
		break;
	}
	return crc32(0, buf, n);
}

/* Have what digests need, while the process may still map it. */
void memory_prepare(void)
{
	if (chunk_crc)
		return;
	chunk_crc = mmap(NULL, MAX_RANGE / CHUNK * sizeof(*chunk_crc),
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (chunk_crc == MAP_FAILED)
		abort();
}

/* fill and digest, chunk by chunk. */
static void run_range(const struct op *op, struct result *res,
		      unsigned char *at)
{
	uint64_t n = (op->len + CHUNK - 1) / CHUNK;
	uint64_t stride = n ? shuffle_stride(n) : 0;
	uint64_t i;

	for (i = 0; i < n; i++) {
		uint64_t chunk = visit(op->order, i, n, stride);
		uint64_t start = chunk * CHUNK;
		size_t size = op->len - start < CHUNK ? op->len - start : CHUNK;

		worker_access(op->off + start);
		if (op->kind == OP_FILL)
			fill_chunk(op, at + start, size, op->off + start);
		else
			chunk_crc[chunk] = digest_chunk(op, at + start, size);
		worker_beat();
	}

	res->kind = RESULT_OK;
	if (op->kind == OP_DIGEST) {
		res->kind = RESULT_DIGEST;
		res->count = op->len;
		res->value = crc32(0, chunk_crc, n * sizeof(*chunk_crc));
	}
}

static void run_access(const struct op *op, struct result *res,
		       unsigned char *at)
{
	switch (op->kind) {
	case OP_LOAD:
		res->value = load(at, op->width);
		res->kind = RESULT_VALUE;
		break;
	case OP_STORE:
		store(at, op->width, op->value);
		res->kind = RESULT_OK;
		break;
	default:
		run_range(op, res, at);
		break;
	}
}

/* Page faults of this thread so far. */
static uint64_t count_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

/*
 * Do the same to memory of the agent's own, so that all that an access needs
 * besides its page is there, and no fault is counted but those of the page:
 * after a fork, code and stack are not.
 */
static void rehearse(const struct op *op, struct result *res)
{
	unsigned char scratch[CHUNK];
	struct op dry = *op;

	memset(scratch, 0, sizeof(scratch));
	if (op->kind == OP_DIGEST)
		memset(chunk_crc, 0, op->len / CHUNK * sizeof(*chunk_crc));
	dry.off = 0;
	if (dry.len > CHUNK)
		dry.len = CHUNK;
	run_access(&dry, res, scratch);
	count_faults();
}

/* Nothing was accessed yet, by this thread of this program. */
void memory_forget(void)
{
	counted = false;
}

void memory_faults(struct result *res)
{
	res->kind = counted ? RESULT_VALUE : RESULT_VOID;
	res->value = faults;
}

/* @base: address of the mapping that the operation is about. */
void memory_run(const struct op *op, struct result *res, unsigned char *base)
{
	uint64_t before;

	if (op->kind == OP_DIGEST)
		memory_prepare();
	counted = false;
	if (shared->counts)
		rehearse(op, res);
	if (sigsetjmp(escape, 0)) {
		armed = 0;
		res->kind = RESULT_SIGNAL;
		res->sig = caught.si_signo;
		res->code = caught.si_code;
		res->place = (unsigned char *)caught.si_addr - base;
		return;
	}

	worker_access(op->off);
	armed = 1;
	before = shared->counts ? count_faults() : 0;
	run_access(op, res, base + op->off);
	armed = 0;
	if (shared->counts) {
		faults = count_faults() - before;
		counted = true;
	}
}
