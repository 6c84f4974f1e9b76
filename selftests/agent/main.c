// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: entry and command loop. As process 1 it sets a machine up and
 * listens on a virtio port; otherwise it listens on its standard input. With
 * "replay" for its first argument it runs cases instead, see replay.c.
 *
 *   hello                 the greeting once more
 *   let NAME NUMBER       a name for file offsets of programs
 *   insmod PATH [ARGS]    ok, or the name of an errno
 *   rmmod NAME            the same
 *   put PATH TEXT         the same; write(2) of TEXT, to a file as in /sys
 *   nl-open NUMBER        a generic netlink socket; ok, or an errno
 *   nl-join NUMBER GROUP [CAPABILITY]
 *                         the same; with the capability out of effect
 *   nl-send NUMBER HEX [CAPABILITY]
 *                         the same
 *   nl-recv NUMBER MILLISECONDS
 *                         "ok HEX", "none" when nothing came, or an errno
 *   nl-close NUMBER       ok, or an errno
 *   foreign SECONDS PATH [WORD]...
 *                         a test of somebody else, see foreign.c
 *   run NUMBER [step|keep|last]
 *                         the program follows, "go" on a line closes it
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent.h"

#define PORT_NAME	"memphys.agent"

struct shared *shared;
size_t page_size;

static struct calibration cal;

static void say_hello(char *args)
{
	struct utsname u;

	uname(&u);
	port_print("hello 2 release=%s machine=%s page=%zu cpus=%ld fault_ns=%u scale=%u\n",
		   u.release, u.machine, page_size,
		   sysconf(_SC_NPROCESSORS_ONLN), cal.fault_ns, cal.scale);
}

static enum run_mode run_mode(const char *option)
{
	if (!strcmp(option, "step"))
		return RUN_STEP;
	if (!strcmp(option, "keep"))
		return RUN_KEEP;
	if (!strcmp(option, "last"))
		return RUN_LAST;
	return RUN_FRESH;
}

static void run(char *args)
{
	char *option = strchr(args, ' ');
	unsigned int number = strtoul(args, NULL, 10);
	bool alive = true;

	shared->run = number;
	if (program_read())
		alive = watch_run(run_mode(option ? option + 1 : ""), &cal);
	port_print("done %u\n", number);
	port_flush();

	/* What cannot be killed still uses the shared memory. */
	while (!alive)
		pause();
}

/* NAME NUMBER for file offsets, CHANGE PATH =HEX for requests. */
static void let(char *args)
{
	char *value = strchr(args, ' ');
	uint64_t number;
	bool good;

	if (value && strchr(value + 1, ' ')) {
		good = ready_define(args);
	} else {
		if (value)
			*value++ = '\0';
		good = value && parse_number(value, &number) &&
		       symbol_define(args, number);
	}
	port_print(good ? "ok\n" : "EINVAL\n");
}

static void insmod(char *args)
{
	char *options = strchr(args, ' ');

	if (options)
		*options++ = '\0';
	port_answer(init_insmod(args, options ? options : ""));
}

static void rmmod(char *args)
{
	port_answer(init_rmmod(args));
}

static void put(char *args)
{
	char *text = strchr(args, ' ');

	if (text)
		*text++ = '\0';
	port_answer(init_put(args, text ? text : ""));
}

static void nl_open(char *args)
{
	port_answer(-netlink_open(args));
}

static void nl_join(char *args)
{
	port_answer(-netlink_join(args));
}

static void nl_send(char *args)
{
	port_answer(-netlink_send(args));
}

static void nl_close(char *args)
{
	port_answer(-netlink_close(args));
}

static const struct {
	const char *name;
	void (*run)(char *args);
} commands[] = {
	{ "bare", bare_run },
	{ "foreign", foreign_run },
	{ "hello", say_hello },
	{ "let", let },
	{ "insmod", insmod },
	{ "rmmod", rmmod },
	{ "put", put },
	{ "nl-open", nl_open },
	{ "nl-join", nl_join },
	{ "nl-send", nl_send },
	{ "nl-recv", netlink_recv },
	{ "nl-close", nl_close },
	{ "run", run },
};

static void obey(char *line)
{
	char *args = line + strcspn(line, " ");
	size_t i;

	if (*args)
		*args++ = '\0';
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(line, commands[i].name)) {
			commands[i].run(args);
			port_flush();
			return;
		}
	}
	port_print("error 0 0 unknown command \"%.40s\"\n", line);
	port_flush();
}

/* What programs need, but for a port. */
static bool get_ready(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return false;
	shared->supervisor = getpid();
	shared->idle_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (shared->idle_fd < 0)
		return false;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	bytes_init();
	space_find_room();
	return true;
}

/* Obey whoever is at the other end of the port. */
static int serve(bool first)
{
	int in = STDIN_FILENO, out = STDOUT_FILENO;
	char *line;

	if (first) {
		in = init_port(PORT_NAME);
		out = in;
	} else {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	}
	if (in < 0 || !port_open(in, out))
		return 1;

	cal = calibrate();
	say_hello(NULL);
	port_flush();
	while ((line = port_read_line()))
		obey(line);
	return 0;
}

/*
 * How the machine ends. A kernel without ACPI cannot power off, and halts; a
 * virtual machine then stays for ever. Whoever starts one that ends by a reset
 * puts this into the command line of its kernel, which hands it on.
 */
static int ending(void)
{
	return getenv("MEMPHYS_END_BY_RESET") ? RB_AUTOBOOT : RB_POWER_OFF;
}

int main(int argc, char **argv)
{
	bool replays = argc > 1 && !strcmp(argv[1], "replay");
	bool first = getpid() == 1;
	int status = 1;

	/* The kernel gives init all that it does not know itself. */
	if (!first && argc > 1 && !replays) {
		fprintf(stderr, "agent: unknown: %s; replay CASE... it is, or nothing\n",
			argv[1]);
		return 2;
	}
	if (first)
		init_machine();
	if (get_ready())
		status = replays ? replay(argc - 1, argv + 1) : serve(first);
	if (first)
		reboot(ending());
	return status;
}
