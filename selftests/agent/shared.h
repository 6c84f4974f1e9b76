/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys agent: the memory that the supervisor and its workers both see.
 */
#ifndef SHARED_H
#define SHARED_H

#include <sys/types.h>

#include "op.h"

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
 * @place: what is accessed next, or was last; in bytes from the start of the
 *	   mapping of its operation
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
	volatile uint64_t place;
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

#endif /* SHARED_H */
