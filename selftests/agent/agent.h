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
#define MAX_LOOK	(MAX_DATA / 8)	/* pages that are looked at */
#define WORD		8	/* bytes that a debugger moves at once */
#define MAX_TRANSFER	(4UL << 20)	/* bytes that pread and pwrite move */
#define MAX_NTH		0x7fffffff	/* allocations to count */
#define MAX_RANGE	(1UL << 30)	/* bytes that fill and digest visit */

/* The unit in which digests are taken and patterns change; not a page size. */
#define CHUNK		4096UL

enum op_kind {
	OP_OPEN,
	OP_CLOSE,
	OP_MEMFD,
	OP_MMAP,
	OP_MREMAP,
	OP_MUNMAP,
	OP_MPROTECT,
	OP_MADVISE,
	OP_MSYNC,
	OP_MLOCK,
	OP_MUNLOCK,
	OP_MINCORE,
	OP_PAGEMAP,
	OP_KPAGEFLAGS,
	OP_KPAGECOUNT,
	OP_SMAPS,
	OP_FAULTS,
	OP_LIMIT,
	OP_LOAD,
	OP_STORE,
	OP_FILL,
	OP_DIGEST,
	OP_PEEK,
	OP_POKE,
	OP_PREAD,
	OP_PWRITE,
	OP_FORK,
	OP_THREAD,
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

/* Which way the kernel takes to the memory of a program. */
enum via {
	VIA_MEM,	/* /proc/PID/mem */
	VIA_WRITE,	/* write(2) of it */
	VIA_READ,	/* read(2) into it */
	VIA_READV,	/* process_vm_readv(2) */
	VIA_WRITEV,	/* process_vm_writev(2) */
	VIA_PTRACE,	/* ptrace(2) */
	VIA_SPLICE,	/* vmsplice(2) */
};

/**
 * struct op - one operation, as parsed
 * @kind: what to do
 * @proc: number of the process that does it
 * @file: number of a file handle
 * @map: number of a mapping handle
 * @to: number of the mapping handle that mremap makes
 * @at_map: number of the mapping handle of at=
 * @peer: number of the process that is made or waited for
 * @block_end: index behind the last operation of its block; 0 outside of one
 * @width: bytes an access touches at once
 * @order: in which order fill and digest visit their chunks
 * @via: an enum via
 * @mode: open flags; prot of mmap; an advice; number of a capability
 * @flags: flags of mmap, mremap and msync
 * @anonymous: without a file
 * @placed: there is an at=
 * @whole: no length was given: the mapping from the offset on
 * @seeded: a seed was given
 * @off: file offset in bytes, or offset in the mapping
 * @at_off: offset of at= in its mapping
 * @pos: position in the byte pattern of a pwrite
 * @len: length in bytes
 * @value: value of a store, seed of a pattern, number of an allocation, new
 *	length of mremap in bytes, or size of a memfd
 * @ndata: bytes in @data; 0 when a pattern is meant
 * @data: bytes that were spelled out
 * @path: file name, or name of a module
 */
struct op {
	enum op_kind kind;
	unsigned int proc;
	unsigned int file;
	unsigned int map;
	unsigned int to;
	unsigned int at_map;
	unsigned int peer;
	unsigned int block_end;
	unsigned int width;
	enum order order;
	int via;
	int mode;
	int flags;
	bool anonymous;
	bool placed;
	bool whole;
	bool seeded;
	uint64_t off;
	uint64_t at_off;
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
	RESULT_PAGES,	/* ok, and a word for each page */
	RESULT_WORDS,	/* ok, and words, spelled out */
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
 * @count: bytes that were transferred, or pages that were looked at
 * @data: the first of them, or text
 * @words: what the kernel has for each page
 */
struct result {
	enum result_kind kind;
	int err;
	int sig;
	int code;
	int64_t place;
	uint64_t value;
	uint64_t count;
	union {
		unsigned char data[MAX_DATA];
		uint64_t words[MAX_LOOK];
	};
};

enum proc_state {
	PROC_NONE,
	PROC_ALIVE,
	PROC_STOPPING,	/* asked to leave by wait */
	PROC_GONE,
};

enum phase {
	PHASE_OUT,	/* no part in what is due, or done with it */
	PHASE_DUE,	/* called, and not seen yet */
	PHASE_READY,	/* waits for the other tasks of the block */
	PHASE_BUSY,	/* carries out its operations */
};

/**
 * struct proc - a task of a program: a process, or a further thread of one
 * @state: an enum proc_state
 * @pid: its process id; that of the thread for a thread
 * @parent: number of the task that made it
 * @leader: number of the task that its process began with; its own, if that
 *	    is itself
 * @helper: process that is at work for the task, which waits for it; or 0
 * @bell: grows when there is news for the task; a futex
 * @phase: an enum phase
 * @at: index of the operation that it is at, or will begin with
 * @beat: grows with every step forward, also inside an operation
 */
struct proc {
	volatile unsigned int state;
	volatile pid_t pid;
	volatile unsigned int parent;
	volatile unsigned int leader;
	volatile pid_t helper;
	volatile uint32_t bell;
	volatile unsigned int phase;
	volatile uint32_t at;
	volatile uint64_t beat;
};

/**
 * struct shared - what supervisor and workers both see
 * @turn: index of the operation that is due, the first one of a block; @nops at
 *	  the end
 * @go: operations with a smaller index may run, and blocks that begin with one
 * @tasks: how many tasks have a part in what is due
 * @arrived: how many of them are at the barrier, or past it
 * @finished: how many have done their part
 * @room_start: address space that only mappings of programs use, from here
 * @room_end: to here
 * @next_addr: where the next mapping is asked to be
 * @supervisor: process id of the supervisor
 * @sampled: process id of the task that it is reading about; 0: of none
 * @generation: grows with each program
 * @idle: the last generation after which p0 cleaned up and stayed
 * @keep: p0 is to do that after this one, instead of exiting
 * @idle_fd: an eventfd: p0 has
 * @run: number of the run, for the names of the workers
 * @nops: operations in @op
 * @counts: one of them asks for faults
 * @proc: tasks of the program
 * @op: the program
 * @result: what each operation did
 */
struct shared {
	volatile uint32_t turn;
	volatile uint32_t go;
	volatile uint32_t tasks;
	volatile uint32_t arrived;
	volatile uint32_t finished;
	uint64_t room_start;
	uint64_t room_end;
	volatile uint64_t next_addr;
	pid_t supervisor;
	volatile pid_t sampled;
	volatile uint32_t generation;
	volatile uint32_t idle;
	volatile bool keep;
	int idle_fd;
	unsigned int run;
	unsigned int nops;
	bool counts;
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
int calls_fd(unsigned int file);
void calls_prepare(void);
void calls_run(const struct op *op, struct result *res);

/* init.c: what /init of a virtual machine has to do. */
void init_machine(void);
int init_port(const char *name);
int init_insmod(const char *path, const char *args);
int init_rmmod(const char *name);
int init_put(const char *path, const char *text);

/* kmsg.c: what the kernel says meanwhile. */
int kmsg_open(void);
void kmsg_forward(int fd);
unsigned long kmsg_taint(void);

/* look.c: what the kernel has for a mapping. */
void look_run(const struct op *op, struct result *res, uint64_t at);
void look_print(const struct op *op, const struct result *res);

/* memory.c: operations on memory, which may fault. */
void memory_init(unsigned int task);
void memory_forget(void);
void memory_faults(struct result *res);
void memory_prepare(void);
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

/**
 * struct parser - program text being read
 * @line: the line at hand
 * @at: next character of it
 * @number: of the line, from 1 on
 * @block: number of the line that the open block began with; 0 without one
 * @block_column: where on it
 * @filled: there is an operation in the open block
 * @column: of what is wrong, from 1 on
 * @message: what is wrong with it
 */
struct parser {
	const char *line;
	const char *at;
	unsigned int number;
	unsigned int block;
	unsigned int block_column;
	bool filled;
	unsigned int column;
	char message[128];
};

enum line_kind {
	LINE_EMPTY,
	LINE_OPERATION,
	LINE_TOGETHER,
	LINE_END,
};

/* parse.c: one line of program text. */
bool parse_line(struct parser *p, const char *line, struct op *op,
		enum line_kind *kind);
bool parse_number(const char *text, uint64_t *value);
bool parse_hex(const char *text, size_t len, unsigned char *data);
bool symbol_define(const char *name, uint64_t value);

/* outside.c: operations that reach the driver from elsewhere. */
void outside_request(const struct op *op, struct result *res);
void outside_rmmod(const struct op *op, struct result *res);
void outside_fail_nth(const struct op *op, struct result *res);

/* port.c: the way to the outside, line by line. */
bool port_open(int in, int out);
char *port_read_line(void);
void port_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void port_answer(int err);
void port_flush(void);

/*
 * program.c: program text into @shared. What is not true has left place and
 * reason in the parser.
 */
bool program_read(void);
void program_begin(struct parser *p);
bool program_take(struct parser *p, const char *line);
bool program_end(struct parser *p);

/* replay.c: cases, and what comes of them; returns the exit status. */
int replay(int argc, char **argv);

/* result.c: results as text. */
void result_print(unsigned int index);

/* sample.c: what /proc tells about a process in trouble. */
struct sample {
	char state;
	unsigned long faults;	/* minor and major */
	unsigned long utime;	/* clock ticks */
	unsigned long stime;
};

/* @pid: of a process or a thread */
bool sample_take(pid_t pid, struct sample *s);
void sample_report(pid_t pid);
void sample_let_go(pid_t pid);

/* space.c: what is mapped where. */
struct mapping {
	unsigned char *base;
	uint64_t len;
};

void space_init(void);
void space_clean_up(void);
void space_find_room(void);
const struct mapping *space_find(unsigned int map);
bool space_owns(const unsigned char *at, uint64_t len);
void space_run(const struct op *op, struct result *res);
void space_run_on(const struct op *op, struct result *res, unsigned char *at);

/* start.c: processes for programs. */
void start_program(enum run_mode mode);

/* suspect.c: a task that makes no progress: what is the matter with it? */
enum verdict {
	VERDICT_OK,
	VERDICT_KILLED,
	VERDICT_RETRY_LOOP,
	VERDICT_HANG,
};

/**
 * struct patience - how long a task may take
 * @deadline_ms: for one step
 * @retry_ms: for one access to memory that stays in the kernel
 * @crowd: so many tasks share a processor
 */
struct patience {
	unsigned int deadline_ms;
	unsigned int retry_ms;
	unsigned int crowd;
};

/**
 * struct suspect - a task that the program waits for
 * @based: the rest is set
 * @pid: of the task, or of its helper
 * @at: index of the operation that it is at; @nops when it is to exit
 * @beat: step that is being waited for
 * @waited_ms: time without progress
 * @base: state of the task when the step was first seen
 * @last: state of the task now
 */
struct suspect {
	bool based;
	pid_t pid;
	uint32_t at;
	uint64_t beat;
	uint64_t waited_ms;
	struct sample base;
	struct sample last;
};

enum verdict suspect_look(struct suspect *s, unsigned int task, uint32_t at,
			  uint64_t passed_ms, const struct patience *patience);
void suspect_tell(const struct suspect *s);

/* turn.c: whose turn is it? */
void turn_set(uint32_t turn);
void turn_ring(void);
void turn_ring_one(unsigned int task);
void turn_meet(unsigned int task);
void turn_finish(unsigned int task);

/* visit.c: the kernel's own access to a program's memory. */
void visit_run(const struct op *op, struct result *res, uint64_t address);

/* watch.c: run the program in @shared and tell what became of it. */
bool watch_run(enum run_mode mode, const struct calibration *cal);

/* worker.c */
void worker_start(void) __attribute__((noreturn));
void worker_beat(void);
volatile pid_t *worker_helper(void);

#endif /* AGENT_H */
