// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: a worker, one process of a program. The processes of a
 * program take turns: an operation is carried out when all before it are.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

static unsigned int me;

/* Sleep until the bell of this process rings again; now and then anyway. */
static void sleep_on_bell(uint32_t seen)
{
	const struct timespec second = { .tv_sec = 1 };

	syscall(SYS_futex, &shared->proc[me].bell, FUTEX_WAIT, seen, &second,
		NULL, 0);
	if (kill(shared->supervisor, 0) && errno == ESRCH)
		_exit(1);
}

/* Tell a process to look again. */
void worker_ring(unsigned int proc)
{
	__sync_fetch_and_add(&shared->proc[proc].bell, 1);
	syscall(SYS_futex, &shared->proc[proc].bell, FUTEX_WAKE, 1, NULL, NULL,
		0);
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

static void leave(void)
{
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

/* Until it is this process's turn, or the end. */
static uint32_t wait_for_turn(void)
{
	for (;;) {
		uint32_t bell = shared->proc[me].bell;
		uint32_t turn;

		__sync_synchronize();
		turn = shared->turn;
		if (turn >= shared->nops && shared->keep) {
			stay();
			continue;
		}
		if (turn >= shared->nops ||
		    shared->proc[me].state == PROC_STOPPING)
			leave();

		if (shared->op[turn].proc == me && turn < shared->go)
			return turn;

		sleep_on_bell(bell);
	}
}

/* Operations of processes that are not there (any more) come to nothing. */
static void pass_turn(uint32_t turn)
{
	unsigned int i;

	for (turn++; turn < shared->nops; turn++) {
		if (shared->proc[shared->op[turn].proc].state == PROC_ALIVE)
			break;
		shared->result[turn].kind = RESULT_VOID;
	}

	__sync_synchronize();
	shared->turn = turn;

	if (turn < shared->nops) {
		if (shared->op[turn].proc != me)
			worker_ring(shared->op[turn].proc);
		return;
	}

	for (i = 0; i < MAX_PROCS; i++)
		if (i != me && shared->proc[i].state == PROC_ALIVE)
			worker_ring(i);
}

static void run_fork(const struct op *op, struct result *res)
{
	struct proc *child = &shared->proc[op->peer];
	pid_t pid;

	if (child->state != PROC_NONE) {
		res->kind = RESULT_VOID;
		return;
	}

	child->parent = me;
	child->state = PROC_ALIVE;
	pid = fork();
	if (pid == 0) {
		me = op->peer;
		child->pid = getpid();
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

static void run_wait(const struct op *op, struct result *res)
{
	struct proc *child = &shared->proc[op->peer];
	int status = 0;

	if (child->state != PROC_ALIVE || child->parent != me) {
		res->kind = RESULT_VOID;
		return;
	}

	child->state = PROC_STOPPING;
	worker_ring(op->peer);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->state = PROC_GONE;
	res->kind = WIFSIGNALED(status) ? RESULT_KILLED : RESULT_OK;
	res->sig = WTERMSIG(status);
}

static void run_one(uint32_t turn)
{
	const struct op *op = &shared->op[turn];
	struct result *res = &shared->result[turn];

	set_name(turn);
	shared->beat++;

	switch (op->kind) {
	case OP_FORK:
		run_fork(op, res);
		if (me == op->peer)
			return;	/* the parent passes the turn on */
		break;
	case OP_WAIT:
		run_wait(op, res);
		break;
	default:
		calls_run(op, res);
		break;
	}

	pass_turn(turn);
}

/* In a fresh process: be p0, and never come back. */
void worker_start(void)
{
	const struct rlimit no_core = { 0, 0 };
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	me = 0;
	calls_init();
	memory_init();

	for (;;)
		run_one(wait_for_turn());
}
