// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: processes for programs. A program starts in a fresh one, or in
 * the one that carried out the program before, has cleaned up and waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

/* True when a process that carried out the last program waits for another. */
static bool worker_waits(void)
{
	return shared->generation && shared->idle == shared->generation;
}

static void start_worker(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		netlink_leave();
		worker_start();
	}
	if (pid < 0) {
		port_print("error 0 0 fork: %s\n", errno_name(errno));
		port_flush();
		exit(1);
	}
	shared->proc[0].pid = pid;
	setpgid(pid, pid);
}

/* Have a waiting process exit, by a program of no operations. */
static void retire_worker(void)
{
	pid_t pid = shared->proc[0].pid;
	unsigned int nops = shared->nops;

	shared->nops = 0;
	shared->turn = 0;
	shared->keep = false;
	shared->generation++;
	turn_ring_one(0);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	shared->nops = nops;
}

/* What a process does that no other program is to inherit. */
static bool leaves_traces(void)
{
	unsigned int i;

	for (i = 0; i < shared->nops; i++)
		if (shared->op[i].kind == OP_FORK ||
		    shared->op[i].kind == OP_THREAD ||
		    shared->op[i].kind == OP_DROP ||
		    shared->op[i].kind == OP_USERFAULT)
			return true;
	return false;
}

/* Get the program in @shared going. */
void start_program(enum run_mode mode)
{
	bool waits = worker_waits();

	if (waits && mode != RUN_KEEP && mode != RUN_LAST) {
		retire_worker();
		waits = false;
	}

	shared->proc[0].state = PROC_ALIVE;
	shared->proc[0].beat = 0;
	shared->go = mode == RUN_STEP ? 0 : shared->nops;
	shared->next_addr = shared->room_start;
	shared->keep = mode == RUN_KEEP && !leaves_traces();
	turn_set(0, MAX_PROCS);
	__sync_synchronize();
	shared->generation++;
	if (waits)
		turn_ring_one(0);
	else
		start_worker();
}
