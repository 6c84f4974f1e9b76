// SPDX-License-Identifier: GPL-2.0-only
/*
 * memphys agent: byte patterns that differ at every position, and digests of
 * what was read. The Python side (mmapkit/content.py) computes the same.
 *
 * Pattern: 8-byte little-endian words. Word i of chunk k is noise[i] XOR
 * tag(seed, k), so that a page that is shifted, swapped or stale shows.
 *
 * Digest: the CRC-32 of each chunk of 4096 bytes, and the CRC-32 of the row of
 * those, each as 4 bytes, low byte first. Chunks may then be visited in any
 * order.
 */
#include <string.h>

#include "agent.h"

#define NOISE_WORDS	(CHUNK / sizeof(uint64_t))

static uint64_t noise[NOISE_WORDS];
static uint32_t crc_table[8][256];

/* Vigna's splitmix64: every bit of the result depends on every bit of @x. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

void bytes_init(void)
{
	unsigned int i, j;

	for (i = 0; i < NOISE_WORDS; i++)
		noise[i] = mix(~(uint64_t)i);

	for (i = 0; i < 256; i++) {
		uint32_t c = i;

		for (j = 0; j < 8; j++)
			c = (c >> 1) ^ (c & 1 ? 0xedb88320 : 0);
		crc_table[0][i] = c;
	}
	for (i = 0; i < 256; i++)
		for (j = 1; j < 8; j++)
			crc_table[j][i] = (crc_table[j - 1][i] >> 8) ^
				crc_table[0][crc_table[j - 1][i] & 0xff];
}

/* @n bytes of pattern @seed from position @pos of it on, within a chunk. */
static void pattern_chunk(unsigned char *buf, size_t n, uint64_t seed,
			  uint64_t pos)
{
	const unsigned char *from = (const unsigned char *)noise + pos % CHUNK;
	unsigned char tag[WORD * 2];
	uint64_t word = mix(seed << 32 ^ pos / CHUNK);
	uint64_t turned;
	size_t i;

	/* The tag as it stands over the noise from @pos on. */
	memcpy(tag, &word, WORD);
	memcpy(tag + WORD, &word, WORD);
	memcpy(&turned, tag + pos % WORD, WORD);

	for (i = 0; i + WORD <= n; i += WORD) {
		memcpy(&word, from + i, WORD);
		word ^= turned;
		memcpy(buf + i, &word, WORD);
	}
	for (; i < n; i++)
		buf[i] = from[i] ^ tag[(pos + i) % WORD];
}

/* @len bytes of pattern @seed, from position @pos of it on. */
void pattern(unsigned char *buf, size_t len, uint64_t seed, uint64_t pos)
{
	while (len) {
		size_t left = CHUNK - pos % CHUNK;
		size_t n = left < len ? left : len;

		pattern_chunk(buf, n, seed, pos);
		buf += n;
		pos += n;
		len -= n;
	}
}

/* As zlib's crc32(), eight bytes at a time. */
uint32_t crc32(uint32_t crc, const void *buf, size_t len)
{
	const unsigned char *p = buf;

	crc = ~crc;
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		word ^= crc;
		crc = crc_table[7][word & 0xff] ^
		      crc_table[6][word >> 8 & 0xff] ^
		      crc_table[5][word >> 16 & 0xff] ^
		      crc_table[4][word >> 24 & 0xff] ^
		      crc_table[3][word >> 32 & 0xff] ^
		      crc_table[2][word >> 40 & 0xff] ^
		      crc_table[1][word >> 48 & 0xff] ^
		      crc_table[0][word >> 56];
	}
	while (len--)
		crc = (crc >> 8) ^ crc_table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}

uint32_t digest_bytes(const unsigned char *buf, size_t len)
{
	uint32_t all = 0;

	while (len) {
		size_t n = len < CHUNK ? len : CHUNK;
		uint32_t one = crc32(0, buf, n);

		all = crc32(all, &one, sizeof(one));
		buf += n;
		len -= n;
	}
	return all;
}
