/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys agent: what its files share.
 *
 * The agent is two kinds of process. The supervisor speaks to the outside,
 * parses programs and watches; it never touches a mapping of a device. Workers
 * carry out the operations. All that a worker tells goes through one piece of
 * shared memory, so that it is still there when the worker is not.
 */
#ifndef AGENT_H
#define AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define MAX_OPS		512	/* operations in a program */
#define MAX_FILES	32	/* f0 .. f31 */
#define MAX_MAPS	64	/* m0 .. m63 */
#define MAX_PROCS	16	/* p0 .. p15 */
#define MAX_PATH	128	/* bytes of a file name, the NUL included */
#define MAX_MODULE	56	/* bytes of a module name, the NUL included */
#define MAX_DATA	256	/* bytes that are spelled out */
#define MAX_TRANSFER	(4UL << 20)	/* bytes that pread and pwrite move */
#define MAX_NTH		0x7fffffff	/* allocations to count */
#define MAX_RANGE	(1UL << 30)	/* bytes that fill and digest visit */

/* The unit in which digests are taken and patterns change; not a page size. */
#define CHUNK		4096UL

enum op_kind {
	OP_OPEN,
	OP_CLOSE,
	OP_MMAP,
	OP_MUNMAP,
	OP_MPROTECT,
	OP_LOAD,
	OP_STORE,
	OP_FILL,
	OP_DIGEST,
	OP_PEEK,
	OP_POKE,
	OP_PREAD,
	OP_PWRITE,
	OP_FORK,
	OP_WAIT,
	OP_DROP,
	OP_REQUEST,
	OP_RMMOD,
	OP_FAIL_NTH,
};

enum order {
	ORDER_FORWARD,
	ORDER_BACKWARD,
	ORDER_SHUFFLED,
};

/**
 * struct op - one operation, as parsed
 * @kind: what to do
 * @proc: number of the process that does it
 * @file: number of a file handle
 * @map: number of a mapping handle
 * @peer: number of the process that is forked or waited for
 * @width: bytes an access touches at once
 * @order: in which order fill and digest visit their chunks
 * @mode: open flags; prot and flags of mmap; number of a capability
 * @flags: see @mode
 * @whole: no length was given: the mapping from the offset on
 * @seeded: a seed was given
 * @off: file offset in bytes, or offset in the mapping
 * @pos: position in the byte pattern of a pwrite
 * @len: length in bytes
 * @value: value of a store, seed of a pattern, or number of an allocation
 * @ndata: bytes in @data; 0 when a pattern is meant
 * @data: bytes that were spelled out
 * @path: file name, or name of a module
 */
struct op {
	enum op_kind kind;
	unsigned int proc;
	unsigned int file;
	unsigned int map;
	unsigned int peer;
	unsigned int width;
	enum order order;
	int mode;
	int flags;
	bool whole;
	bool seeded;
	uint64_t off;
	uint64_t pos;
	uint64_t len;
	uint64_t value;
	unsigned int ndata;
	unsigned char data[MAX_DATA];
	char path[MAX_PATH];
};

enum result_kind {
	RESULT_NONE,	/* not reached */
	RESULT_OK,
	RESULT_VALUE,	/* ok, and a number */
	RESULT_DATA,	/* ok, and bytes, spelled out */
	RESULT_DIGEST,	/* ok, and a digest of bytes */
	RESULT_ERRNO,
	RESULT_SIGNAL,
	RESULT_KILLED,	/* the process died of it */
	RESULT_VOID,	/* there was nothing to do it on */
};

/**
 * struct result - what one operation did
 * @kind: which of the others count
 * @err: errno
 * @sig: signal number
 * @code: its si_code
 * @place: its address, relative to the mapping of the operation
 * @value: number, digest
 * @count: bytes that were transferred
 * @data: the first of them
 */
struct result {
	enum result_kind kind;
	int err;
	int sig;
	int code;
	int64_t place;
	uint64_t value;
	uint64_t count;
	unsigned char data[MAX_DATA];
};

enum proc_state {
	PROC_NONE,
	PROC_ALIVE,
	PROC_STOPPING,	/* asked to leave by wait */
	PROC_GONE,
};

/**
 * struct proc - a process of a program
 * @state: an enum proc_state
 * @pid: its process id
 * @parent: number of the process that forked it
 * @bell: grows when there is news for the process; a futex
 */
struct proc {
	volatile unsigned int state;
	volatile pid_t pid;
	volatile unsigned int parent;
	volatile uint32_t bell;
};

/**
 * struct shared - what supervisor and workers both see
 * @turn: index of the operation that is due; @nops at the end
 * @beat: grows with every step forward, also inside an operation
 * @go: operations with a smaller index may run
 * @room_start: address space that only mappings of programs use, from here
 * @room_end: to here
 * @next_addr: where the next mapping is asked to be
 * @supervisor: process id of the supervisor
 * @generation: grows with each program
 * @idle: the last generation after which p0 cleaned up and stayed
 * @keep: p0 is to do that after this one, instead of exiting
 * @idle_fd: an eventfd: p0 has
 * @run: number of the run, for the names of the workers
 * @nops: operations in @op
 * @proc: processes of the program
 * @op: the program
 * @result: what each operation did
 */
struct shared {
	volatile uint32_t turn;
	volatile uint64_t beat;
	volatile uint32_t go;
	uint64_t room_start;
	uint64_t room_end;
	volatile uint64_t next_addr;
	pid_t supervisor;
	volatile uint32_t generation;
	volatile uint32_t idle;
	volatile bool keep;
	int idle_fd;
	unsigned int run;
	unsigned int nops;
	struct proc proc[MAX_PROCS];
	struct op op[MAX_OPS];
	struct result result[MAX_OPS];
};

enum run_mode {
	RUN_FRESH,	/* in a process of its own, that exits */
	RUN_STEP,	/* so, telling each result before going on */
	RUN_KEEP,	/* in the process of the last one, which stays */
	RUN_LAST,	/* in the process of the last one, which exits */
};

extern struct shared *shared;
extern size_t page_size;

/* bytes.c: patterns and digests. */
void bytes_init(void);
void pattern(unsigned char *buf, size_t len, uint64_t seed, uint64_t pos);
uint32_t crc32(uint32_t crc, const void *buf, size_t len);
uint32_t digest_bytes(const unsigned char *buf, size_t len);

/* calibrate.c: how slow is this machine? */
struct calibration {
	unsigned int fault_ns;	/* a first touch of anonymous memory */
	unsigned int scale;	/* deadlines are multiplied by it */
};

struct calibration calibrate(void);

/* calls.c: operations that are system calls. */
void calls_init(void);
void calls_clean_up(void);
void calls_find_room(void);
void calls_run(const struct op *op, struct result *res);

/* init.c: what /init of a virtual machine has to do. */
int init_machine(const char *port_name);
int init_insmod(const char *path, const char *args);
int init_rmmod(const char *name);
int init_put(const char *path, const char *text);

/* kmsg.c: what the kernel says meanwhile. */
int kmsg_open(void);
void kmsg_forward(int fd);
unsigned long kmsg_taint(void);

/* memory.c: operations on memory, which may fault. */
void memory_init(void);
void memory_run(const struct op *op, struct result *res, unsigned char *base);

/*
 * netlink.c: sockets that the outside uses. All take the words of a command
 * and return 0 or a negative errno, but for the one that answers itself.
 */
int netlink_open(char *args);
int netlink_join(char *args);
int netlink_send(char *args);
void netlink_recv(char *args);
int netlink_close(char *args);
void netlink_leave(void);

/* names.c */
const char *errno_name(int err);
const char *signal_name(int sig);
const char *signal_code_name(int sig, int code);
int capability_number(const char *name, size_t len);

/* parse.c: program text. */
struct parser {
	const char *line;	/* the line at hand */
	const char *at;		/* next character of it */
	unsigned int number;	/* of the line, from 1 on */
	const char *wrong;	/* the offending character, once there is one */
	char message[128];
};

bool parse_line(struct parser *p, const char *line, struct op *op,
		bool *empty);
bool parse_number(const char *text, uint64_t *value);
bool parse_hex(const char *text, size_t len, unsigned char *data);
bool symbol_define(const char *name, uint64_t value);

/* outside.c: operations that come from elsewhere than the program's memory. */
void outside_peek(const struct op *op, struct result *res, uint64_t address);
void outside_poke(const struct op *op, struct result *res, uint64_t address);
void outside_request(const struct op *op, struct result *res);
void outside_rmmod(const struct op *op, struct result *res);
void outside_fail_nth(const struct op *op, struct result *res);

/* port.c: the way to the outside, line by line. */
bool port_open(int in, int out);
char *port_read_line(void);
void port_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void port_answer(int err);
void port_flush(void);

/* result.c: results as text. */
void result_print(unsigned int index);

/* sample.c: what /proc tells about a process in trouble. */
struct sample {
	char state;
	unsigned long faults;	/* minor and major */
	unsigned long utime;	/* clock ticks */
	unsigned long stime;
};

bool sample_take(pid_t pid, struct sample *s);
void sample_report(pid_t pid);

/* start.c: processes for programs. */
void start_program(enum run_mode mode);

/* watch.c: run the program in @shared and tell what became of it. */
bool watch_run(enum run_mode mode, const struct calibration *cal);

/* worker.c */
void worker_start(void) __attribute__((noreturn));
void worker_ring(unsigned int proc);

#endif /* AGENT_H */
