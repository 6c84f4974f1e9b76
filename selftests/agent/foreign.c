// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: runs a test that somebody else wrote, to compare with it. It
 * is no part of any program, and what it leaves behind is nobody's business: the
 * machine is done for afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define MAX_WORDS	8
#define TICK_MS		20
#define KILL_MS		5000

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static void become(char **words, int out)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0)
		execv(words[0], words);
	_exit(127);
}

/* Hand on what was printed, whole lines of it; false at its end. */
static bool forward(int in)
{
	static char line[1024];
	static size_t len;
	ssize_t n, i;
	char part[512];

	n = read(in, part, sizeof(part));
	for (i = 0; i < n; i++) {
		if (part[i] != '\n' && len < sizeof(line) - 1) {
			line[len++] = part[i];
			continue;
		}
		line[len] = '\0';
		port_print("out %s\n", line);
		len = 0;
	}
	port_flush();
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Is it gone? @status: how. What it printed meanwhile is handed on. */
static bool wait_for(pid_t pid, int in, uint64_t limit_ms, int *status)
{
	struct pollfd pfd = { .fd = in, .events = POLLIN };
	uint64_t start = now_ms();
	bool gone = false;

	while (!gone && now_ms() - start < limit_ms) {
		if (poll(&pfd, 1, TICK_MS) > 0 && !forward(in))
			pfd.fd = -1;
		gone = waitpid(pid, status, WNOHANG) == pid;
	}
	/* What it forked may hold the pipe open for ever. */
	while (gone && poll(&pfd, 1, 0) > 0 && forward(in))
		;
	return gone;
}

static void tell_end(pid_t pid, int in, uint64_t limit_ms)
{
	int status;

	if (wait_for(pid, in, limit_ms, &status)) {
		if (WIFSIGNALED(status))
			port_print("ended killed %s\n",
				   signal_name(WTERMSIG(status)));
		else
			port_print("ended exited %d\n", WEXITSTATUS(status));
		return;
	}
	kill(pid, SIGKILL);
	port_print("ended %s\n", wait_for(pid, in, KILL_MS, &status) ?
		   "never" : "unkillable");
}

/*
 * SECONDS PATH [WORD]...: "out TEXT" for each line that the file prints, and then
 * "ended exited NUMBER", "ended killed SIGNAL", "ended never" after these
 * seconds, "ended unkillable", or "ended" and an errno.
 */
void foreign_run(char *args)
{
	char *words[MAX_WORDS + 1] = { NULL };
	char *save, *word = strtok_r(args, " ", &save);
	unsigned long seconds = word ? strtoul(word, NULL, 10) : 0;
	unsigned int i;
	int ends[2];
	pid_t pid;

	for (i = 0; i < MAX_WORDS; i++)
		words[i] = strtok_r(NULL, " ", &save);
	if (!words[0] || access(words[0], X_OK)) {
		port_print("ended %s\n", errno_name(words[0] ? errno : EINVAL));
		return;
	}
	if (pipe2(ends, O_CLOEXEC)) {
		port_print("ended %s\n", errno_name(errno));
		return;
	}

	pid = fork();
	if (!pid)
		become(words, ends[1]);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	if (pid < 0)
		port_print("ended %s\n", errno_name(errno));
	else
		tell_end(pid, ends[0], 1000 * seconds);
	close(ends[0]);
}
