// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: what /init of a virtual machine has to do, the loading of
 * modules, and what the kernel is told by files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

/* Where modules are listed, in order, with their options. */
#define BOOT_MODULES	"/modules/boot"

static const struct {
	const char *type;
	const char *where;
	bool needed;
} mounts[] = {
	{ "proc", "/proc", true },
	{ "sysfs", "/sys", true },
	{ "devtmpfs", "/dev", true },
	{ "tmpfs", "/tmp", true },
	{ "securityfs", "/sys/kernel/security", false },
	{ "tracefs", "/sys/kernel/tracing", false },
	{ "debugfs", "/sys/kernel/debug", false },
};

/* 0 or an errno. */
int init_insmod(const char *path, const char *args)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, args, 0))
		err = errno;
	close(fd);
	return err;
}

/* 0 or an errno. */
int init_rmmod(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

/*
 * 0 or an errno. A pwrite of a program does not do everywhere: a file that
 * seq_open() has opened takes write(2) only.
 */
int init_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static void load_boot_modules(void)
{
	FILE *list = fopen(BOOT_MODULES, "re");
	char line[256];

	if (!list)
		return;
	while (fgets(line, sizeof(line), list)) {
		char *options = line + strcspn(line, "\n ");
		int err;

		if (*options)
			*options++ = '\0';
		options[strcspn(options, "\n")] = '\0';
		err = init_insmod(line, options);
		if (err && err != EEXIST)
			printf("agent: %s: %s\n", line, errno_name(err));
	}
	fclose(list);
}

/* Open the virtio port of that name if it is there, or return -1. */
static int try_port(const char *name)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		char path[300], text[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(text, sizeof(text), f))
			text[strcspn(text, "\n")] = '\0';
		fclose(f);
		if (strcmp(text, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/*
 * The driver learns of its ports from the host, some time after it is loaded:
 * look again until the port is there. Its descriptor, or -1.
 */
int init_port(const char *name)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	unsigned int tries;
	int fd = try_port(name);

	for (tries = 0; fd < 0 && tries < 5000; tries++) {
		nanosleep(&pause, NULL);
		fd = try_port(name);
	}
	if (fd < 0)
		printf("agent: no virtio port \"%s\"\n", name);
	return fd;
}

/*
 * Mount what the operations look at, and load modules, the drivers of the port
 * among them. There is nobody to tell but the console.
 */
void init_machine(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type,
			  MS_NOSUID, NULL) && mounts[i].needed)
			printf("agent: mount %s: %s\n", mounts[i].where,
			       errno_name(errno));
	}

	load_boot_modules();
}
