// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: whose turn it is. Operations go one after the other, each by
 * the task that it names; those of a block are begun by all of its tasks at
 * once. What is due is published by whoever has done the last thing before.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

/* Turns of the barrier between two looks around. */
#define SPINS		200
#define YIELDS		20000

/* Tell a task to look again. */
void turn_ring_one(unsigned int task)
{
	__sync_fetch_and_add(&shared->proc[task].bell, 1);
	syscall(SYS_futex, &shared->proc[task].bell, FUTEX_WAKE, 1, NULL, NULL,
		0);
}

static void ring(unsigned int tasks)
{
	unsigned int i;

	for (i = 0; i < MAX_PROCS; i++)
		if (tasks & 1U << i)
			turn_ring_one(i);
}

/* Tell those whose turn it is. */
void turn_ring(void)
{
	unsigned int tasks = 0;
	unsigned int i;

	for (i = 0; i < MAX_PROCS; i++)
		if (shared->proc[i].phase == PHASE_DUE)
			tasks |= 1U << i;
	ring(tasks);
}

/* A block, or an operation, ends before this one. */
static uint32_t end_of(uint32_t turn)
{
	uint32_t end = shared->op[turn].block_end;

	return end ? end : turn + 1;
}

/*
 * The tasks that have a part in it. Operations of tasks that are not there (any
 * more) come to nothing.
 */
static unsigned int gather(uint32_t turn, uint32_t end)
{
	unsigned int tasks = 0;

	for (; turn < end; turn++) {
		unsigned int who = shared->op[turn].proc;

		if (shared->proc[who].state != PROC_ALIVE) {
			shared->result[turn].kind = RESULT_VOID;
			continue;
		}
		if (!(tasks & 1U << who))
			shared->proc[who].at = turn;
		tasks |= 1U << who;
	}
	return tasks;
}

static unsigned int everybody(void)
{
	unsigned int tasks = 0;
	unsigned int i;

	for (i = 0; i < MAX_PROCS; i++)
		if (shared->proc[i].state == PROC_ALIVE)
			tasks |= 1U << i;
	return tasks;
}

/*
 * From here on @turn is due, or what comes first after it that can be done. Task
 * @awake, if there is one of that number, finds that out by itself.
 */
void turn_set(uint32_t turn, unsigned int awake)
{
	unsigned int tasks = 0;
	unsigned int i;

	for (i = 0; i < MAX_PROCS; i++)
		shared->proc[i].phase = PHASE_OUT;
	while (turn < shared->nops) {
		tasks = gather(turn, end_of(turn));
		if (tasks)
			break;
		turn = end_of(turn);
	}

	shared->tasks = __builtin_popcount(tasks);
	shared->arrived = 0;
	shared->finished = 0;
	__sync_synchronize();
	shared->turn = turn;
	__sync_synchronize();
	/* A task that finds itself due finds all of the above, too. */
	for (i = 0; i < MAX_PROCS; i++)
		if (tasks & 1U << i)
			shared->proc[i].phase = PHASE_DUE;
	__sync_synchronize();
	if (turn >= shared->nops)
		tasks = everybody();
	ring(tasks & ~(1U << awake));
}

/*
 * Wait until all tasks of the block are here. They spin: a sleeper would be
 * woken after the others have done their first operation.
 */
void turn_meet(unsigned int task)
{
	unsigned int spins = 0;

	shared->proc[task].phase = PHASE_READY;
	__sync_fetch_and_add(&shared->arrived, 1);
	while (shared->arrived < shared->tasks) {
		if (++spins % SPINS)
			continue;
		if (spins / SPINS % YIELDS == 0 &&
		    kill(shared->supervisor, 0) && errno == ESRCH)
			_exit(1);
		sched_yield();
	}
}

/* A task has done its part; the last one passes the turn on. */
void turn_finish(unsigned int task)
{
	uint32_t turn = shared->turn;

	shared->proc[task].phase = PHASE_OUT;
	if (__sync_add_and_fetch(&shared->finished, 1) == shared->tasks)
		turn_set(end_of(turn), task);
}
