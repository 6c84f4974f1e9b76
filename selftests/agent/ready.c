// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: requests that are ready. A program says what is to become of
 * which node; the message that does it is told beforehand, and nothing here
 * knows what is in it.
 */
#include <string.h>

#include "parse.h"

static struct {
	int change;
	char path[MAX_PATH];
	unsigned int ndata;
	unsigned char data[MAX_DATA];
} requests[256];

static unsigned int nrequests;

static const struct name changes[] = {
	{ "make", 1 },
	{ "delete", 2 },
	{ "revoke", 3 },
	{ NULL, 0 },
};

static bool find(int change, struct token path, unsigned int *index)
{
	for (*index = 0; *index < nrequests; ++*index)
		if (requests[*index].change == change &&
		    token_is(path, requests[*index].path))
			return true;
	return false;
}

static bool change_and_path(struct parser *p, int *change, struct token *path)
{
	if (!token_name(p, token_next(p), changes, "request", change))
		return false;
	*path = token_next(p);
	return (path->len && path->len < MAX_PATH) ||
	       refuse(p, path->start, "a path of 1 to %d bytes is due",
		      MAX_PATH - 1);
}

/* CHANGE PATH, of which the message is known. */
bool ready_request(struct parser *p, struct op *op)
{
	struct token path;
	unsigned int i;
	int change;

	if (!change_and_path(p, &change, &path) || !end_of_line(p))
		return false;
	if (!find(change, path, &i))
		return refuse(p, path.start, "nobody has told this request");
	op->ndata = requests[i].ndata;
	memcpy(op->data, requests[i].data, op->ndata);
	return true;
}

/* CHANGE PATH =HEX: from here on, that is the message. */
bool ready_define(const char *text)
{
	struct parser p = { .line = text, .at = text };
	struct token path, data;
	struct op op = { };
	unsigned int i;
	int change;

	if (!change_and_path(&p, &change, &path))
		return false;
	data = token_next(&p);
	if (!data.len || *data.start++ != '=')
		return false;
	data.len--;
	if (!token_data(&p, data, &op) || !end_of_line(&p))
		return false;

	if (!find(change, path, &i)) {
		if (i == ARRAY_SIZE(requests))
			return false;
		nrequests++;
	}
	requests[i].change = change;
	memcpy(requests[i].path, path.start, path.len);
	requests[i].path[path.len] = '\0';
	requests[i].ndata = op.ndata;
	memcpy(requests[i].data, op.data, op.ndata);
	return true;
}
