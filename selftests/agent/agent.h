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

#include "op.h"
#include "shared.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

extern struct shared *shared;
extern size_t page_size;

/* foreign.c: tests of others. */
void foreign_run(char *args);

/* bare.c: what operations cost without the agent. */
void bare_run(char *args);

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
void outside_insmod(const struct op *op, struct result *res);
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

/* ready.c: requests that programs name. */
bool ready_define(const char *text);

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
unsigned long sample_wakes(pid_t pid);
void sample_report(pid_t pid);
void sample_processors(void);
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
uint64_t space_place_of(const struct op *op, bool *missing);
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
 * @counted_ms: how much of that had passed when @wakes was taken; 0 before
 * @wakes: how often the task had gone to sleep by then
 * @base: state of the task when the step was first seen
 * @last: state of the task now
 */
struct suspect {
	bool based;
	pid_t pid;
	uint32_t at;
	uint64_t beat;
	uint64_t waited_ms;
	uint64_t counted_ms;
	unsigned long wakes;
	struct sample base;
	struct sample last;
};

enum verdict suspect_look(struct suspect *s, unsigned int task, uint32_t at,
			  uint64_t passed_ms, const struct patience *patience);
void suspect_tell(const struct suspect *s, unsigned int task);

/* turn.c: whose turn is it? */
void turn_set(uint32_t turn, unsigned int awake);
void turn_ring(void);
void turn_ring_one(unsigned int task);
void turn_meet(unsigned int task);
void turn_finish(unsigned int task);

/* userfault.c: page faults that the program answers itself. */
void userfault_run(const struct op *op, struct result *res, unsigned char *at);

/* visit.c: the kernel's own access to a program's memory. */
void visit_run(const struct op *op, struct result *res, uint64_t address);

/* watch.c: run the program in @shared and tell what became of it. */
bool watch_run(enum run_mode mode, const struct calibration *cal);

/* worker.c */
void worker_start(void) __attribute__((noreturn));
void worker_beat(void);
void worker_access(uint64_t place);
volatile pid_t *worker_helper(void);

#endif /* AGENT_H */
