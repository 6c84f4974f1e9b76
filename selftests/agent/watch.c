// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: run a program and tell what became of it. The supervisor
 * sleeps while all goes well. When the program makes no step forward it looks
 * at the tasks that it waits for, see suspect.c: one, or those of a block. Then
 * it kills the program, and says so if that had no effect.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define TICK_MS		10
#define DEADLINE_MS	1000	/* times the scale of the machine */
#define RETRY_MS	500	/* so is this, for one access in the kernel */
#define KILL_MS		2000	/* times the scale, too */
#define REPORT_MS	500

static const char * const verdict_names[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_KILLED] = "killed",
	[VERDICT_RETRY_LOOP] = "retry-loop",
	[VERDICT_HANG] = "hang",
};

/**
 * struct watch - one run, as the supervisor sees it
 * @patience: with each task
 * @kill_ms: patience with SIGKILL
 * @signals: tells of children that ended
 * @kmsg: kernel log
 * @tick: when the supervisor last looked, ms
 * @told: when the outside last heard of this run, ms
 * @suspects: what is known of each task; @based for those that are waited for
 * @culprit: number of the task that the verdict is about
 * @status: how p0 ended
 */
struct watch {
	struct patience patience;
	unsigned int kill_ms;
	int signals;
	int kmsg;
	uint64_t tick;
	uint64_t told;
	struct suspect suspects[MAX_PROCS];
	unsigned int culprit;
	int status;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* Does the program wait for this task to exit? */
static bool is_leaving(unsigned int task)
{
	const struct proc *proc = &shared->proc[task];

	return proc->state != PROC_NONE && proc->state != PROC_GONE &&
	       proc->pid && !kill(proc->pid, 0);
}

/*
 * The tasks that the program waits for, as bits. One at the barrier of a block
 * waits itself, unless all have come.
 */
static unsigned int awaited(void)
{
	uint32_t turn = shared->turn;
	unsigned int due = 0, ready = 0, leaving = 0;
	unsigned int i;

	if (turn < shared->nops && shared->op[turn].kind == OP_WAIT)
		return 1U << shared->op[turn].peer;

	for (i = 0; i < MAX_PROCS; i++) {
		switch (shared->proc[i].phase) {
		case PHASE_DUE:
		case PHASE_BUSY:
			due |= 1U << i;
			break;
		case PHASE_READY:
			ready |= 1U << i;
			break;
		}
		if (turn >= shared->nops && is_leaving(i))
			leaving |= 1U << i;
	}
	if (turn >= shared->nops)
		return leaving;
	return due ? due : ready;
}

/* The operation that a task is at, or keeps from ending. */
static uint32_t place_of(unsigned int task)
{
	uint32_t turn = shared->turn;

	if (turn < shared->nops && shared->op[turn].block_end)
		return shared->proc[task].at;
	return turn;
}

/* Reap what has ended; false when the program is over. */
static bool reap(struct watch *w)
{
	if (shared->keep && shared->idle == shared->generation)
		return false;

	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid == 0)
			return true;
		if (pid < 0)
			return errno == EINTR;
		if (pid == shared->proc[0].pid) {
			w->status = status;
			shared->proc[0].state = PROC_GONE;
		}
	}
}

/* Sleep a tick, or until something happens. */
static void doze(struct watch *w)
{
	struct pollfd fds[] = {
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = shared->idle_fd, .events = POLLIN },
		{ .fd = w->kmsg, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	uint64_t count;

	poll(fds, ARRAY_SIZE(fds), TICK_MS);
	while (fds[0].revents && read(w->signals, &info, sizeof(info)) > 0)
		;
	if (fds[1].revents && read(shared->idle_fd, &count, sizeof(count)) < 0)
		return;
	if (fds[2].revents)
		kmsg_forward(w->kmsg);
}

/* Milliseconds since the last look; less when the machine itself stood. */
static uint64_t tick(struct watch *w)
{
	uint64_t now = now_ms();
	uint64_t passed = now - w->tick;

	w->tick = now;
	return passed < 3 * TICK_MS ? passed : 3 * TICK_MS;
}

/* Is there a task that makes no progress? How does that look? */
static enum verdict look(struct watch *w)
{
	static long cpus;
	enum verdict verdict = VERDICT_OK;
	uint64_t passed = tick(w);
	unsigned int tasks = awaited();
	unsigned int i;

	if (w->tick - w->told >= REPORT_MS) {
		w->told = w->tick;
		port_print("alive %u\n", shared->turn);
		port_flush();
	}

	if (!cpus)
		cpus = sysconf(_SC_NPROCESSORS_ONLN);
	w->patience.crowd = (__builtin_popcount(tasks) + cpus - 1) / cpus;
	for (i = 0; i < MAX_PROCS; i++) {
		struct suspect *s = &w->suspects[i];
		enum verdict v;

		if (!(tasks & 1U << i)) {
			s->based = false;
			continue;
		}
		v = suspect_look(s, i, place_of(i), passed, &w->patience);
		if (v == VERDICT_OK)
			continue;
		/* Of several, the one whose operation comes first. */
		if (verdict == VERDICT_OK ||
		    s->at < w->suspects[w->culprit].at) {
			verdict = v;
			w->culprit = i;
		}
	}
	return verdict;
}

/*
 * A process was killed: each of its tasks that was at something died of it. p0
 * is gone already, of the others one has been seen to be.
 */
static void note_death(struct watch *w)
{
	bool of_p0 = shared->proc[0].state == PROC_GONE;
	unsigned int leader = of_p0 ? 0 : shared->proc[w->culprit].leader;
	int sig = of_p0 && WIFSIGNALED(w->status) ? WTERMSIG(w->status) :
						    SIGKILL;
	uint32_t first = shared->nops;
	unsigned int i;

	if (shared->turn >= shared->nops)
		return;

	for (i = 0; i < MAX_PROCS; i++) {
		const struct proc *proc = &shared->proc[i];
		uint32_t at = place_of(i);

		if (proc->leader != leader || proc->phase == PHASE_OUT)
			continue;
		shared->result[at].kind = RESULT_KILLED;
		shared->result[at].sig = sig;
		if (at < first) {
			first = at;
			w->culprit = i;
		}
	}
}

/* What is to be known of the tasks that were waited for, the culprit first. */
static void tell_evidence(const struct watch *w)
{
	unsigned int i;

	if (shared->proc[0].state == PROC_GONE && WIFSIGNALED(w->status))
		port_print("evidence signal %s\n",
			   signal_name(WTERMSIG(w->status)));
	suspect_tell(&w->suspects[w->culprit], w->culprit);
	for (i = 0; i < MAX_PROCS; i++) {
		const struct suspect *s = &w->suspects[i];

		if (i == w->culprit || !s->based)
			continue;
		port_print("evidence beside p%u at operation %u, state %c\n",
			   i, s->at, s->last.state);
		sample_report(s->pid);
	}
}

/* SIGKILL to all of it; false when something stays. */
static bool kill_program(struct watch *w)
{
	uint64_t start = now_ms();

	do {
		kill(-shared->proc[0].pid, SIGKILL);
		kill(shared->proc[0].pid, SIGKILL);
		if (!reap(w))
			return true;
		doze(w);
	} while (now_ms() - start < w->kill_ms);
	return false;
}

/*
 * In step mode each result goes out before the next operation may start; those
 * of a block when all of it is done.
 */
static void step_forward(void)
{
	uint32_t turn = shared->turn;

	while (shared->go <= turn && shared->go <= shared->nops) {
		if (shared->go)
			result_print(shared->go - 1);
		shared->go++;
	}
	port_flush();
	turn_ring();
}

static int child_signals(void)
{
	static int fd = -1;
	sigset_t set;

	if (fd < 0) {
		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		sigprocmask(SIG_BLOCK, &set, NULL);
		fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	}
	return fd;
}

static enum verdict watch_until_over(struct watch *w, bool step)
{
	enum verdict verdict = VERDICT_OK;

	while (reap(w)) {
		/* p0 ended before its time: nobody ends the others. */
		if (shared->proc[0].state == PROC_GONE &&
		    WIFSIGNALED(w->status))
			return VERDICT_KILLED;
		if (step && shared->go <= shared->turn)
			step_forward();
		doze(w);
		verdict = look(w);
		if (verdict != VERDICT_OK)
			return verdict;
	}
	return WIFSIGNALED(w->status) ? VERDICT_KILLED : VERDICT_OK;
}

/*
 * Run the program and print results, evidence and verdict. False when a
 * process could not be killed: this agent is done, its shared memory is not
 * its own any more.
 */
bool watch_run(enum run_mode mode, const struct calibration *cal)
{
	struct watch w = {
		.patience = {
			.deadline_ms = DEADLINE_MS * cal->scale,
			.retry_ms = RETRY_MS * cal->scale,
		},
		.kill_ms = KILL_MS * cal->scale,
		.signals = child_signals(),
		.tick = now_ms(),
	};
	static int kmsg = -2;
	enum verdict verdict;
	bool killed = true;
	uint32_t stopped;
	unsigned int i;

	w.told = w.tick;
	if (kmsg == -2)
		kmsg = kmsg_open();
	w.kmsg = kmsg;

	start_program(mode);
	verdict = watch_until_over(&w, mode == RUN_STEP);
	stopped = shared->turn;
	if (verdict != VERDICT_OK) {
		if (verdict == VERDICT_KILLED)
			note_death(&w);
		stopped = place_of(w.culprit);
		tell_evidence(&w);
		port_flush();
		killed = kill_program(&w);
		if (!killed) {
			sample_report(shared->proc[w.culprit].pid);
			sample_processors();
		}
	}

	kmsg_forward(kmsg);
	i = mode == RUN_STEP && shared->go ? shared->go - 1 : 0;
	for (; i < shared->nops; i++)
		result_print(i);
	port_print("verdict %s %u %s %lu\n", verdict_names[verdict],
		   stopped, killed ? "killable" : "unkillable",
		   kmsg_taint());
	return killed;
}
