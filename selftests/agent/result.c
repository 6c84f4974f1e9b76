// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: results as text, the form that mmapkit/verdict.py reads.
 */
#include <inttypes.h>

#include "agent.h"

static void print_place(const struct op *op, int64_t place)
{
	uint64_t distance = place < 0 ? -(uint64_t)place : (uint64_t)place;

	port_print("m%u%c0x%" PRIx64, op->map, place < 0 ? '-' : '+', distance);
}

void result_print(unsigned int index)
{
	const struct op *op = &shared->op[index];
	const struct result *r = &shared->result[index];
	unsigned int i;

	port_print("result %u ", index);
	switch (r->kind) {
	case RESULT_NONE:
		port_print("none");
		break;
	case RESULT_OK:
		port_print("ok");
		break;
	case RESULT_VALUE:
		port_print("ok 0x%" PRIx64, r->value);
		break;
	case RESULT_DATA:
		port_print("ok =");
		for (i = 0; i < r->count; i++)
			port_print("%02x", r->data[i]);
		break;
	case RESULT_DIGEST:
		port_print("ok %" PRIu64 " #%08" PRIx64, r->count, r->value);
		break;
	case RESULT_PAGES:
		look_print(op, r);
		break;
	case RESULT_WORDS:
		port_print("ok [%.*s]", (int)r->count, (const char *)r->data);
		break;
	case RESULT_ERRNO:
		port_print("%s", errno_name(r->err));
		break;
	case RESULT_SIGNAL:
		port_print("%s ", signal_name(r->sig));
		print_place(op, r->place);
		port_print(" %s", signal_code_name(r->sig, r->code));
		break;
	case RESULT_KILLED:
		port_print("killed %s", signal_name(r->sig));
		break;
	case RESULT_VOID:
		port_print("void");
		break;
	}
	port_print("\n");
}
