// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: generic netlink sockets for the outside. Datagrams pass through
 * as they are; what is in them is nothing to the agent.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

#define MAX_SOCKETS	8
#define MAX_REQUEST	(16UL << 10)	/* bytes; a line has to hold them */
#define MAX_DATAGRAM	(64UL << 10)

/* Descriptors plus one, so that none is 0. */
static int sockets[MAX_SOCKETS];

static unsigned char datagram[MAX_DATAGRAM];

/* Cut the next word off @args; "" when there is none. */
static char *next_word(char **args)
{
	char *word = strsep(args, " ");

	return word ? word : "";
}

/* The place of a socket by its number, or NULL. */
static int *find_socket(char **args)
{
	uint64_t n;

	if (!parse_number(next_word(args), &n) || n >= MAX_SOCKETS)
		return NULL;
	return &sockets[n];
}

/* The descriptor of a socket by its number, or -1. */
static int find_fd(char **args)
{
	int *place = find_socket(args);

	return place ? *place - 1 : -1;
}

static int set_option(int fd, int option, int value)
{
	return setsockopt(fd, SOL_NETLINK, option, &value, sizeof(value)) ?
	       -errno : 0;
}

/* NUMBER */
int netlink_open(char *args)
{
	int *place = find_socket(&args);
	int err;
	int fd;

	if (!place)
		return -EINVAL;
	if (*place)
		return -EEXIST;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0)
		return -errno;

	/*
	 * A refusal says why, and does not repeat the request. Strict checks
	 * (NETLINK_GET_STRICT_CHK) are a thing of rtnetlink: generic netlink
	 * goes by the policy.
	 */
	err = set_option(fd, NETLINK_EXT_ACK, 1);
	if (!err)
		err = set_option(fd, NETLINK_CAP_ACK, 1);
	if (err) {
		close(fd);
		return err;
	}
	*place = fd + 1;
	return 0;
}

/* Take a capability that this process may have out of effect, or put it back. */
static int set_effective(unsigned int capability, bool on)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[2];
	struct __user_cap_data_struct *set = &sets[capability / 32];
	uint32_t bit = 1U << capability % 32;

	if (syscall(SYS_capget, &head, sets))
		return -errno;
	set->effective &= ~bit;
	if (on)
		set->effective |= set->permitted & bit;
	return syscall(SYS_capset, &head, sets) ? -errno : 0;
}

/* Do something to a socket, with the capability @without out of effect. */
static int act(int (*what)(int fd, uint64_t n), int fd, uint64_t n,
	       const char *without)
{
	int capability;
	int err;

	if (!*without)
		return what(fd, n);

	capability = capability_number(without, strlen(without));
	if (capability < 0)
		return -EINVAL;
	err = set_effective(capability, false);
	if (err)
		return err;
	err = what(fd, n);
	set_effective(capability, true);
	return err;
}

static int join(int fd, uint64_t group)
{
	return set_option(fd, NETLINK_ADD_MEMBERSHIP, group);
}

/* NUMBER GROUP [CAPABILITY], which is not in effect meanwhile */
int netlink_join(char *args)
{
	int fd = find_fd(&args);
	uint64_t group;

	if (!parse_number(next_word(&args), &group) || group > INT32_MAX)
		return -EINVAL;
	return act(join, fd, group, next_word(&args));
}

/* The kernel carries a request out within send(): its errors come by message. */
static int send_bytes(int fd, uint64_t len)
{
	return send(fd, datagram, len, 0) < 0 ? -errno : 0;
}

/* NUMBER HEX [CAPABILITY], as for netlink_join() */
int netlink_send(char *args)
{
	int fd = find_fd(&args);
	char *hex = next_word(&args);
	size_t len = strlen(hex) / 2;

	if (len > MAX_REQUEST)
		return -EMSGSIZE;
	if (!parse_hex(hex, strlen(hex), datagram))
		return -EINVAL;
	return act(send_bytes, fd, len, next_word(&args));
}

static void print_hex(const unsigned char *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char text[1025];

	while (len) {
		size_t part = len < 512 ? len : 512;
		size_t i;

		for (i = 0; i < part; i++) {
			text[2 * i] = digits[data[i] >> 4];
			text[2 * i + 1] = digits[data[i] & 15];
		}
		text[2 * part] = '\0';
		port_print("%s", text);
		data += part;
		len -= part;
	}
}

/*
 * NUMBER MILLISECONDS; answers for itself: "ok HEX" with one datagram, "none"
 * when nothing came in time, or an errno.
 */
void netlink_recv(char *args)
{
	int fd = find_fd(&args);
	struct pollfd pfd = { fd, POLLIN, 0 };
	uint64_t patience;
	ssize_t n;

	if (!parse_number(next_word(&args), &patience) || patience > INT32_MAX) {
		port_answer(EINVAL);
		return;
	}
	if (fd >= 0 && !poll(&pfd, 1, patience)) {
		port_print("none\n");
		return;
	}

	/* With MSG_TRUNC, the length is that of the datagram. */
	n = recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 || (size_t)n > sizeof(datagram)) {
		port_answer(n < 0 ? errno : EMSGSIZE);
		return;
	}
	port_print("ok ");
	print_hex(datagram, n);
	port_print("\n");
}

/* NUMBER */
int netlink_close(char *args)
{
	int *place = find_socket(&args);

	if (!place || !*place)
		return -EBADF;
	close(*place - 1);
	*place = 0;
	return 0;
}

/* In a process that carries out programs: sockets are the supervisor's. */
void netlink_leave(void)
{
	unsigned int i;

	for (i = 0; i < MAX_SOCKETS; i++)
		if (sockets[i])
			close(sockets[i] - 1);
}
