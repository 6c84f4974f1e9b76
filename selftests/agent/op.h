/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memphys agent: operations of a program, and what came of them.
 */
#ifndef OP_H
#define OP_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_OPS		512	/* operations in a program */
#define MAX_FILES	32	/* f0 .. f31 */
#define MAX_MAPS	64	/* m0 .. m63 */
#define MAX_PROCS	16	/* p0 .. p15 */
#define MAX_PATH	128	/* bytes of a file name, the NUL included */
#define MAX_MODULE	56	/* bytes of a module name, the NUL included */
#define MAX_DATA	256	/* bytes that are spelled out */
#define MAX_LOOK	(MAX_DATA / 8)	/* pages that are looked at */
#define WORD		8	/* bytes that a debugger moves at once */
#define MAX_TRANSFER	(4UL << 20)	/* bytes that pread and pwrite move */
#define MAX_NTH		0x7fffffff	/* allocations to count */
#define MAX_RANGE	(1UL << 30)	/* bytes that fill and digest visit */

/* The unit in which digests are taken and patterns change; not a page size. */
#define CHUNK		4096UL

enum op_kind {
	OP_OPEN,
	OP_CLOSE,
	OP_MKNOD,
	OP_LSEEK,
	OP_MEMFD,
	OP_MMAP,
	OP_MREMAP,
	OP_MUNMAP,
	OP_MPROTECT,
	OP_MADVISE,
	OP_MSYNC,
	OP_MLOCK,
	OP_MUNLOCK,
	OP_MINCORE,
	OP_PAGEMAP,
	OP_KPAGEFLAGS,
	OP_KPAGECOUNT,
	OP_SMAPS,
	OP_FAULTS,
	OP_LIMIT,
	OP_USERFAULT,
	OP_LOAD,
	OP_STORE,
	OP_FILL,
	OP_DIGEST,
	OP_PEEK,
	OP_POKE,
	OP_PREAD,
	OP_PWRITE,
	OP_FORK,
	OP_THREAD,
	OP_WAIT,
	OP_DROP,
	OP_REQUEST,
	OP_INSMOD,
	OP_RMMOD,
	OP_FAIL_NTH,
};

enum order {
	ORDER_FORWARD,
	ORDER_BACKWARD,
	ORDER_SHUFFLED,
};

/* What is done about a page fault that the program is told of. */
enum answer {
	ANSWER_NONE,		/* nothing */
	ANSWER_WAKE,		/* who waits goes on, without a page */
	ANSWER_ZEROPAGE,	/* it is given one */
};

/* Which way the kernel takes to the memory of a program. */
enum via {
	VIA_MEM,	/* /proc/PID/mem */
	VIA_WRITE,	/* write(2) of it */
	VIA_READ,	/* read(2) into it */
	VIA_READV,	/* process_vm_readv(2) */
	VIA_WRITEV,	/* process_vm_writev(2) */
	VIA_PTRACE,	/* ptrace(2) */
	VIA_SPLICE,	/* vmsplice(2) */
};

/**
 * struct op - one operation, as parsed
 * @kind: what to do
 * @proc: number of the process that does it
 * @file: number of a file handle
 * @of: number of the file handle that mknod makes a node for
 * @map: number of a mapping handle
 * @to: number of the mapping handle that mremap makes
 * @at_map: number of the mapping handle of at=
 * @peer: number of the process that is made or waited for
 * @block_end: index behind the last operation of its block; 0 outside of one
 * @width: bytes an access touches at once
 * @order: in which order fill and digest visit their chunks
 * @via: an enum via
 * @mode: open flags; prot of mmap; an advice; number of a capability; what
 *	lseek counts from; an enum answer
 * @flags: flags of mmap, mremap and msync
 * @anonymous: without a file
 * @placed: there is an at=: of mmap and mremap, or where pread puts bytes
 * @whole: no length was given: the mapping from the offset on
 * @seeded: a seed was given
 * @off: file offset in bytes, or offset in the mapping
 * @at_off: offset of at= in its mapping
 * @pos: position in the byte pattern of a pwrite
 * @len: length in bytes
 * @value: value of a store, seed of a pattern, number of an allocation, new
 *	length of mremap in bytes, size of a memfd, or offset of lseek
 * @ndata: bytes in @data; 0 when a pattern is meant
 * @data: bytes that were spelled out; options of a module, with a NUL
 * @path: file name, or name of a module
 */
struct op {
	enum op_kind kind;
	unsigned int proc;
	unsigned int file;
	unsigned int of;
	unsigned int map;
	unsigned int to;
	unsigned int at_map;
	unsigned int peer;
	unsigned int block_end;
	unsigned int width;
	enum order order;
	int via;
	int mode;
	int flags;
	bool anonymous;
	bool placed;
	bool whole;
	bool seeded;
	uint64_t off;
	uint64_t at_off;
	uint64_t pos;
	uint64_t len;
	uint64_t value;
	unsigned int ndata;
	unsigned char data[MAX_DATA];
	char path[MAX_PATH];
};

enum result_kind {
	RESULT_NONE,	/* not reached */
	RESULT_OK,
	RESULT_VALUE,	/* ok, and a number */
	RESULT_DATA,	/* ok, and bytes, spelled out */
	RESULT_DIGEST,	/* ok, and a digest of bytes */
	RESULT_PAGES,	/* ok, and a word for each page */
	RESULT_WORDS,	/* ok, and words, spelled out */
	RESULT_ERRNO,
	RESULT_SIGNAL,
	RESULT_KILLED,	/* the process died of it */
	RESULT_VOID,	/* there was nothing to do it on */
};

/**
 * struct result - what one operation did
 * @kind: which of the others count
 * @err: errno
 * @sig: signal number
 * @code: its si_code
 * @place: its address, relative to the mapping of the operation
 * @value: number, digest
 * @count: bytes that were transferred, or pages that were looked at
 * @data: the first of them, or text
 * @words: what the kernel has for each page
 */
struct result {
	enum result_kind kind;
	int err;
	int sig;
	int code;
	int64_t place;
	uint64_t value;
	uint64_t count;
	union {
		unsigned char data[MAX_DATA];
		uint64_t words[MAX_LOOK];
	};
};

#endif /* OP_H */
