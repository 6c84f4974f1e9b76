// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: numbers of the kernel's interface by their names.
 */
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"

struct name {
	int number;
	const char *text;
};

static const struct name segv_codes[] = {
	{ SEGV_MAPERR, "MAPERR" },
	{ SEGV_ACCERR, "ACCERR" },
	{ SEGV_BNDERR, "BNDERR" },
	{ SEGV_PKUERR, "PKUERR" },
	{ SI_KERNEL, "KERNEL" },
	{ 0, NULL },
};

static const struct name bus_codes[] = {
	{ BUS_ADRALN, "ADRALN" },
	{ BUS_ADRERR, "ADRERR" },
	{ BUS_OBJERR, "OBJERR" },
	{ BUS_MCEERR_AR, "MCEERR_AR" },
	{ BUS_MCEERR_AO, "MCEERR_AO" },
	{ SI_KERNEL, "KERNEL" },
	{ 0, NULL },
};

/* Those that a driver of raw memory may ask for. */
static const struct name capabilities[] = {
	{ CAP_DAC_OVERRIDE, "dac_override" },
	{ CAP_IPC_LOCK, "ipc_lock" },
	{ CAP_SYS_ADMIN, "sys_admin" },
	{ CAP_SYS_RAWIO, "sys_rawio" },
	{ 0, NULL },
};

const char *errno_name(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "E?";
}

const char *signal_name(int sig)
{
	static char name[16];
	const char *abbrev = sigabbrev_np(sig);

	snprintf(name, sizeof(name), "SIG%s", abbrev ? abbrev : "?");
	return name;
}

const char *signal_code_name(int sig, int code)
{
	const struct name *n = sig == SIGBUS ? bus_codes : segv_codes;

	for (; n->text; n++)
		if (n->number == code)
			return n->text;
	return "?";
}

/* The number, or -1. */
int capability_number(const char *name, size_t len)
{
	const struct name *n;

	for (n = capabilities; n->text; n++)
		if (strlen(n->text) == len && !memcmp(n->text, name, len))
			return n->number;
	return -1;
}
