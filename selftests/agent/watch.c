// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: run a program and tell what became of it. The supervisor
 * sleeps while all goes well. When the program makes no step forward it looks
 * at the process whose turn it is:
 *
 * - it faults far more often than there are pages in play: a retry loop, as a
 *   handler makes that answers NOPAGE and fills no PTE;
 * - it burns processor time inside one access to memory: a retry loop as well,
 *   of the kind that is not counted as faults. That it stays inside the kernel
 *   shows early: an access has nothing to do there that takes that long;
 * - neither: it hangs.
 *
 * Then it kills the program, and says so if that had no effect.
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

/* A system call may be busy for long, and counts its pages as one step. */
#define CALL_PATIENCE	10
#define SPARE_FAULTS	8192

enum verdict {
	VERDICT_OK,
	VERDICT_KILLED,
	VERDICT_RETRY_LOOP,
	VERDICT_HANG,
};

static const char * const verdict_names[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_KILLED] = "killed",
	[VERDICT_RETRY_LOOP] = "retry-loop",
	[VERDICT_HANG] = "hang",
};

/**
 * struct watch - one run, as the supervisor sees it
 * @deadline_ms: patience with one step
 * @retry_ms: patience with one access to memory that stays in the kernel
 * @kill_ms: patience with SIGKILL
 * @signals: tells of children that ended
 * @kmsg: kernel log
 * @tick: when the supervisor last looked, ms
 * @told: when the outside last heard of this run, ms
 * @waited_ms: time without progress
 * @beat: step that is being waited for
 * @based: @base is set
 * @whose: the process that @base is of
 * @base: state of the process when the step was first seen
 * @last: state of the process now
 * @status: how p0 ended
 */
struct watch {
	unsigned int deadline_ms;
	unsigned int retry_ms;
	unsigned int kill_ms;
	int signals;
	int kmsg;
	uint64_t tick;
	uint64_t told;
	uint64_t waited_ms;
	uint64_t beat;
	bool based;
	pid_t whose;
	struct sample base;
	struct sample last;
	int status;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* The process that everybody waits for. */
static pid_t culprit(void)
{
	uint32_t turn = shared->turn;
	const struct op *op = &shared->op[turn];
	unsigned int i;

	if (turn < shared->nops)
		return shared->proc[op->kind == OP_WAIT ? op->peer :
							  op->proc].pid;

	for (i = 0; i < MAX_PROCS; i++) {
		pid_t pid = shared->proc[i].pid;

		if (shared->proc[i].state != PROC_NONE && !kill(pid, 0))
			return pid;
	}
	return shared->proc[0].pid;
}

static bool touches_memory(void)
{
	if (shared->turn >= shared->nops)
		return false;

	switch (shared->op[shared->turn].kind) {
	case OP_LOAD:
	case OP_STORE:
	case OP_FILL:
	case OP_DIGEST:
		return true;
	default:
		return false;
	}
}

/* Faults that the step at hand may need, with room to spare. */
static unsigned long fair_faults(void)
{
	unsigned long pages = 0;

	if (shared->turn < shared->nops)
		pages = shared->op[shared->turn].len / page_size;
	return SPARE_FAULTS + 4 * pages;
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

static uint64_t ms_of(unsigned long ticks)
{
	return ticks * 1000 / sysconf(_SC_CLK_TCK);
}

static uint64_t kernel_ms(const struct watch *w)
{
	return ms_of(w->last.stime - w->base.stime);
}

static uint64_t cpu_ms(const struct watch *w)
{
	return ms_of(w->last.utime - w->base.utime) + kernel_ms(w);
}

/* What a step that took this long amounts to. */
static enum verdict judge(const struct watch *w)
{
	unsigned long faults = w->last.faults - w->base.faults;
	bool in_kernel = 2 * kernel_ms(w) >= w->waited_ms;
	bool busy = 2 * cpu_ms(w) >= w->waited_ms;
	unsigned int patience = 1;

	/* What its parent has to reap, and will not: p0 is ours to reap. */
	if (w->last.state == 'Z' && shared->turn < shared->nops &&
	    shared->op[shared->turn].proc)
		return VERDICT_KILLED;
	if (faults > fair_faults() && w->waited_ms >= 5 * TICK_MS)
		return VERDICT_RETRY_LOOP;
	if (in_kernel && touches_memory() && w->waited_ms >= w->retry_ms)
		return VERDICT_RETRY_LOOP;

	if (busy && !touches_memory())
		patience = CALL_PATIENCE;
	if (w->waited_ms < (uint64_t)patience * w->deadline_ms)
		return VERDICT_OK;
	return busy && touches_memory() ? VERDICT_RETRY_LOOP : VERDICT_HANG;
}

/* Has there been progress? If not, how does that look? */
static enum verdict look(struct watch *w)
{
	uint64_t beat = shared->beat + shared->turn;
	uint64_t passed = tick(w);
	pid_t pid = culprit();

	if (w->tick - w->told >= REPORT_MS) {
		w->told = w->tick;
		port_print("alive %u\n", shared->turn);
		port_flush();
	}

	if (beat != w->beat || !w->based) {
		w->beat = beat;
		w->waited_ms = 0;
		w->whose = pid;
		w->based = sample_take(pid, &w->base);
		return VERDICT_OK;
	}

	w->waited_ms += passed;
	/* One is gone and another one is waited for: counts do not compare. */
	if (pid != w->whose && sample_take(pid, &w->base))
		w->whose = pid;
	/* Between a fork and the first look, or after an exit: nobody there. */
	if (!sample_take(pid, &w->last))
		return w->waited_ms < w->deadline_ms ? VERDICT_OK :
						       VERDICT_HANG;
	return judge(w);
}

static void tell_evidence(const struct watch *w)
{
	port_print("evidence state %c\n", w->last.state);
	port_print("evidence waited_ms %llu\n",
		   (unsigned long long)w->waited_ms);
	port_print("evidence faults %lu\n", w->last.faults - w->base.faults);
	port_print("evidence cpu_ms %llu\n", (unsigned long long)cpu_ms(w));
	sample_report(culprit());
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

/* In step mode each result goes out before the next operation may start. */
static void step_forward(void)
{
	uint32_t turn = shared->turn;

	while (shared->go <= turn && shared->go <= shared->nops) {
		if (shared->go)
			result_print(shared->go - 1);
		shared->go++;
	}
	port_flush();
	if (turn < shared->nops)
		worker_ring(shared->op[turn].proc);
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
		.deadline_ms = DEADLINE_MS * cal->scale,
		.retry_ms = RETRY_MS * cal->scale,
		.kill_ms = KILL_MS * cal->scale,
		.signals = child_signals(),
		.tick = now_ms(),
	};
	static int kmsg = -2;
	enum verdict verdict;
	bool killed = true;
	unsigned int i;

	w.told = w.tick;
	if (kmsg == -2)
		kmsg = kmsg_open();
	w.kmsg = kmsg;

	start_program(mode);
	verdict = watch_until_over(&w, mode == RUN_STEP);
	if (verdict != VERDICT_OK) {
		if (verdict == VERDICT_KILLED && shared->turn < shared->nops) {
			shared->result[shared->turn].kind = RESULT_KILLED;
			shared->result[shared->turn].sig =
				WIFSIGNALED(w.status) ? WTERMSIG(w.status) :
							SIGKILL;
		}
		tell_evidence(&w);
		port_flush();
		killed = kill_program(&w);
		if (!killed)
			sample_report(culprit());
	}

	kmsg_forward(kmsg);
	i = mode == RUN_STEP && shared->go ? shared->go - 1 : 0;
	for (; i < shared->nops; i++)
		result_print(i);
	port_print("verdict %s %u %s %lu\n", verdict_names[verdict],
		   shared->turn, killed ? "killable" : "unkillable",
		   kmsg_taint());
	return killed;
}
