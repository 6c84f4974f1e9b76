// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: a worker, one task of a program: a process, or a further thread
 * of one. It sleeps until it is its turn, see turn.c.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

static __thread unsigned int me;

/* The threads of this process, by the numbers of the tasks. */
static pthread_t threads[MAX_PROCS];

/*
 * A thread that was made has what it needs. What comes next may limit what the
 * process may map.
 */
static sem_t ready;

/* Sleep until the bell of this task rings again; now and then anyway. */
static void sleep_on_bell(uint32_t seen)
{
	const struct timespec second = { .tv_sec = 1 };

	syscall(SYS_futex, &shared->proc[me].bell, FUTEX_WAIT, seen, &second,
		NULL, 0);
	if (kill(shared->supervisor, 0) && errno == ESRCH)
		_exit(1);
}

/* A step forward, of this task. */
void worker_beat(void)
{
	shared->proc[me].beat++;
}

/* An access to memory begins here; for the watch to tell. */
void worker_access(uint64_t place)
{
	shared->proc[me].place = place;
}

/* Where the process that is at work for this task is told, for the watch. */
volatile pid_t *worker_helper(void)
{
	return &shared->proc[me].helper;
}

/*
 * The kernel names the task in each of its reports. With the number of the run
 * and of the operation for a name, a report tells what it belongs to.
 */
static void set_name(unsigned int index)
{
	char name[32];

	/* At most 15 characters count. */
	snprintf(name, sizeof(name), "mp.%u.%u", shared->run % 100000000,
		 index);
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

/* Have a thread of this process end, and wait for it. */
static void join(unsigned int task)
{
	shared->proc[task].state = PROC_STOPPING;
	turn_ring_one(task);
	pthread_join(threads[task], NULL);
	shared->proc[task].state = PROC_GONE;
}

/*
 * End this process. Its threads end before, so that it is this one that takes
 * the address space down, and has the name for it.
 */
static void leave(void)
{
	unsigned int i;

	for (i = 0; i < MAX_PROCS; i++)
		if (i != me && shared->proc[i].leader == me &&
		    shared->proc[i].state == PROC_ALIVE)
			join(i);
	set_name(shared->nops);
	_exit(0);
}

/* Clean up, and wait for the next program. */
static void stay(void)
{
	const uint64_t one = 1;
	uint32_t generation = shared->generation;

	set_name(shared->nops);
	calls_clean_up();
	shared->idle = generation;
	if (write(shared->idle_fd, &one, sizeof(one)) < 0)
		_exit(1);

	for (;;) {
		uint32_t bell = shared->proc[0].bell;

		__sync_synchronize();
		if (shared->generation != generation)
			return;
		sleep_on_bell(bell);
	}
}

/* Until it is this task's turn, true, or time to end. */
static bool wait_for_turn(void)
{
	const struct proc *self = &shared->proc[me];

	for (;;) {
		uint32_t bell = self->bell;
		uint32_t turn;

		__sync_synchronize();
		turn = shared->turn;
		if (turn >= shared->nops && shared->keep) {
			stay();
			continue;
		}
		if (turn >= shared->nops || self->state == PROC_STOPPING)
			return false;

		if (self->phase == PHASE_DUE && turn < shared->go)
			return true;

		sleep_on_bell(bell);
	}
}

/* A task that is about to be made; false when there is one of that number. */
static bool announce(unsigned int task, unsigned int leader)
{
	struct proc *proc = &shared->proc[task];

	if (proc->state != PROC_NONE)
		return false;

	proc->parent = me;
	proc->leader = leader;
	proc->state = PROC_ALIVE;
	return true;
}

static void run_fork(const struct op *op, struct result *res)
{
	struct proc *child = &shared->proc[op->peer];
	pid_t pid;

	if (!announce(op->peer, op->peer)) {
		res->kind = RESULT_VOID;
		return;
	}

	pid = fork();
	if (pid == 0) {
		me = op->peer;
		child->pid = getpid();
		memory_forget();
		return;
	}
	if (pid < 0) {
		child->state = PROC_NONE;
		res->kind = RESULT_ERRNO;
		res->err = errno;
		return;
	}
	child->pid = pid;
	res->kind = RESULT_OK;
}

static void work(void);

static void *be_thread(void *task)
{
	me = (uintptr_t)task;
	shared->proc[me].pid = gettid();
	memory_init(me);
	calls_prepare();
	sem_post(&ready);
	work();
	return NULL;
}

static void run_thread(const struct op *op, struct result *res)
{
	int err;

	if (!announce(op->peer, shared->proc[me].leader)) {
		res->kind = RESULT_VOID;
		return;
	}

	sem_init(&ready, 0, 0);
	err = pthread_create(&threads[op->peer], NULL, be_thread,
			     (void *)(uintptr_t)op->peer);
	if (err)
		shared->proc[op->peer].state = PROC_NONE;
	while (!err && sem_wait(&ready) && errno == EINTR)
		;
	res->kind = err ? RESULT_ERRNO : RESULT_OK;
	res->err = err;
}

static void run_wait(const struct op *op, struct result *res)
{
	struct proc *child = &shared->proc[op->peer];
	int status = 0;

	if (child->state != PROC_ALIVE || child->parent != me) {
		res->kind = RESULT_VOID;
		return;
	}

	res->kind = RESULT_OK;
	if (child->leader != op->peer) {
		join(op->peer);
		return;
	}

	child->state = PROC_STOPPING;
	turn_ring_one(op->peer);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	sample_let_go(child->pid);
	child->state = PROC_GONE;
	if (WIFSIGNALED(status)) {
		res->kind = RESULT_KILLED;
		res->sig = WTERMSIG(status);
	}
}

/* False in a process that this has made. */
static bool run_one(uint32_t index)
{
	const struct op *op = &shared->op[index];
	struct result *res = &shared->result[index];

	shared->proc[me].at = index;
	worker_beat();

	switch (op->kind) {
	case OP_FORK:
		run_fork(op, res);
		break;
	case OP_THREAD:
		run_thread(op, res);
		break;
	case OP_WAIT:
		run_wait(op, res);
		break;
	default:
		calls_run(op, res);
		break;
	}

	/* Before the next one begins, everybody sees what this one stored. */
	__sync_synchronize();
	return op->kind != OP_FORK || me != op->peer;
}

/* Carry out what is due, as far as it is this task's. */
static void run_part(void)
{
	uint32_t index = shared->proc[me].at;
	uint32_t end = shared->op[index].block_end;

	set_name(index);
	if (end)
		turn_meet(me);
	shared->proc[me].phase = PHASE_BUSY;

	if (!run_one(index))
		return;	/* the parent passes the turn on */
	while (++index < end) {
		if (shared->op[index].proc != me)
			continue;
		set_name(index);
		run_one(index);
	}
	turn_finish(me);
}

/* Until the program ends, or this task. */
static void work(void)
{
	while (wait_for_turn())
		run_part();
	if (shared->proc[me].leader == me)
		leave();
	set_name(shared->nops);
}

/* In a fresh process: be p0, and never come back. */
void worker_start(void)
{
	const struct rlimit no_core = { 0, 0 };
	sigset_t none;

	setpgid(0, 0);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* It may have died before that. */
	if (getppid() != shared->supervisor)
		_exit(1);
	setrlimit(RLIMIT_CORE, &no_core);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	me = 0;
	calls_init();
	memory_init(me);
	work();
	_exit(0);
}
