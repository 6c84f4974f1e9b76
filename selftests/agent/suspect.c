// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: a task that the program waits for. As long as it makes no step
 * forward it is looked at from outside:
 *
 * - it faults far more often than there are pages in play: a retry loop, as a
 *   handler makes that answers NOPAGE and fills no PTE;
 * - it burns processor time inside one access to memory, its own or that of the
 *   kernel for it: a retry loop as well, of the kind that is not counted as
 *   faults. That it stays inside the kernel shows early: an access has nothing
 *   to do there that takes that long;
 * - it goes to sleep inside one access again and again: whoever wakes it does
 *   not give it what it waits for, and it asks once more;
 * - nothing of that: it hangs.
 */
#include <unistd.h>

#include "agent.h"

/* No judgement on less; ms. */
#define GLANCE_MS	50

/* A system call may be busy for long, and counts its pages as one step. */
#define CALL_PATIENCE	10
#define SPARE_FAULTS	8192

/* Who waits for something is woken once. More often than each so many ms: */
#define WAKE_MS		10

static const struct op *op_of(const struct suspect *s)
{
	return s->at < shared->nops ? &shared->op[s->at] : NULL;
}

static bool touches_memory(const struct op *op)
{
	if (!op)
		return false;

	switch (op->kind) {
	case OP_LOAD:
	case OP_STORE:
	case OP_FILL:
	case OP_DIGEST:
	case OP_PEEK:
	case OP_POKE:
		return true;
	default:
		return false;
	}
}

/* Faults that the step at hand may need, with room to spare. */
static unsigned long fair_faults(const struct op *op)
{
	return SPARE_FAULTS + (op ? 4 * (op->len / page_size) : 0);
}

static uint64_t ms_of(unsigned long ticks)
{
	return ticks * 1000 / sysconf(_SC_CLK_TCK);
}

static uint64_t kernel_ms(const struct suspect *s)
{
	return ms_of(s->last.stime - s->base.stime);
}

static uint64_t cpu_ms(const struct suspect *s)
{
	return ms_of(s->last.utime - s->base.utime) + kernel_ms(s);
}

/* Is it woken, and goes back to sleep, all the time? */
static bool tries_again(const struct suspect *s)
{
	unsigned long wakes = sample_wakes(s->pid) - s->wakes;

	return s->counted_ms && wakes > (s->waited_ms - s->counted_ms) / WAKE_MS;
}

/* Dead, and left to a parent that will not reap it; p0 is reaped here. */
static bool is_dead(const struct suspect *s, unsigned int task)
{
	const struct op *op = op_of(s);

	return s->last.state == 'Z' && op && op->kind != OP_WAIT &&
	       s->pid == shared->proc[task].pid && shared->proc[task].leader;
}

/* What a step that took this long amounts to. */
static enum verdict judge(const struct suspect *s, unsigned int task,
			  const struct patience *patience)
{
	unsigned long faults = s->last.faults - s->base.faults;
	bool in_memory = touches_memory(op_of(s));
	bool in_kernel, busy;
	unsigned int factor = 1;

	in_kernel = 2 * patience->crowd * kernel_ms(s) >= s->waited_ms;
	busy = 2 * patience->crowd * cpu_ms(s) >= s->waited_ms;

	if (is_dead(s, task))
		return VERDICT_KILLED;
	if (faults > fair_faults(op_of(s)) && s->waited_ms >= GLANCE_MS)
		return VERDICT_RETRY_LOOP;
	if (in_kernel && in_memory && s->waited_ms >= patience->retry_ms)
		return VERDICT_RETRY_LOOP;

	if (busy && !in_memory)
		factor = CALL_PATIENCE;
	if (s->waited_ms < (uint64_t)factor * patience->deadline_ms)
		return VERDICT_OK;
	if (in_memory && (busy || tries_again(s)))
		return VERDICT_RETRY_LOOP;
	return VERDICT_HANG;
}

/*
 * Has there been progress since the last look, @passed_ms ago? If not, how does
 * that look? @at: the operation that the task is at, or keeps from ending.
 */
enum verdict suspect_look(struct suspect *s, unsigned int task, uint32_t at,
			  uint64_t passed_ms, const struct patience *patience)
{
	const struct proc *proc = &shared->proc[task];
	uint64_t beat = proc->beat;
	pid_t helper = proc->helper;
	pid_t pid = helper ? helper : proc->pid;

	if (!s->based || at != s->at || beat != s->beat || pid != s->pid) {
		s->at = at;
		s->beat = beat;
		s->pid = pid;
		s->waited_ms = 0;
		s->counted_ms = 0;
		s->based = sample_take(pid, &s->base);
		s->last = s->base;
		return VERDICT_OK;
	}

	s->waited_ms += passed_ms;
	/* After an exit, before it is seen: nobody there. */
	if (!sample_take(pid, &s->last)) {
		if (s->waited_ms < patience->deadline_ms)
			return VERDICT_OK;
		return proc->leader == task ? VERDICT_HANG : VERDICT_KILLED;
	}
	if (!s->counted_ms && s->waited_ms >= GLANCE_MS) {
		s->counted_ms = s->waited_ms;
		s->wakes = sample_wakes(pid);
	}
	return judge(s, task, patience);
}

/* @task: the one that it is about */
void suspect_tell(const struct suspect *s, unsigned int task)
{
	const struct op *op = op_of(s);
	int64_t place = shared->proc[task].place;

	port_print("evidence state %c\n", s->last.state);
	if (touches_memory(op))
		port_print("evidence address m%u%c0x%llx\n", op->map,
			   place < 0 ? '-' : '+',
			   (unsigned long long)(place < 0 ? -place : place));
	port_print("evidence waited_ms %llu\n",
		   (unsigned long long)s->waited_ms);
	port_print("evidence faults %lu\n", s->last.faults - s->base.faults);
	port_print("evidence cpu_ms %llu\n", (unsigned long long)cpu_ms(s));
	if (s->counted_ms)
		port_print("evidence wakes %lu\n",
			   sample_wakes(s->pid) - s->wakes);
	sample_report(s->pid);
}
