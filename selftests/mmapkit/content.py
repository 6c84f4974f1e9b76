"""Bytes that differ at every position, and digests of what was read.

The agent computes the same (agent/bytes.c): operations then move a seed or a
checksum over the wire instead of memory.

A pattern is a stream of 8-byte little-endian words. Word i of chunk k is
noise[i] XOR tag(seed, k), so a page that is shifted, swapped or stale shows.
A digest is the CRC-32 of each chunk of 4096 bytes, and the CRC-32 of the row of
those; chunks may be visited in any order. A chunk is not a page: its size is
the same on every machine.
"""

import struct
import zlib
from functools import lru_cache
from math import gcd

CHUNK = 4096
_MASK = (1 << 64) - 1


def _mix(x: int) -> int:
    """Vigna's splitmix64: every bit of the result depends on every bit of x."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


# One long integer, so that a chunk is one XOR.
_NOISE = int.from_bytes(
    b"".join(struct.pack("<Q", _mix(_MASK - i)) for i in range(CHUNK // 8)), "little"
)
_EVERY_WORD = int.from_bytes(struct.pack("<Q", 1) * (CHUNK // 8), "little")


@lru_cache(maxsize=4096)
def pattern_chunk(seed: int, index: int) -> bytes:
    """Return the 4096 bytes of chunk index of pattern seed."""
    tag = _mix(((seed << 32) ^ index) & _MASK)
    return (_NOISE ^ (_EVERY_WORD * tag)).to_bytes(CHUNK, "little")


def pattern(length: int, seed: int, pos: int) -> bytes:
    """Return length bytes of pattern seed from position pos on, modulo 2**64."""
    pos &= _MASK
    first, skip = divmod(pos, CHUNK)
    count = -(-(skip + length) // CHUNK)
    chunks = (pattern_chunk(seed, (first + i) & (_MASK // CHUNK)) for i in range(count))
    return b"".join(chunks)[skip : skip + length]


def digest(data: bytes) -> int:
    """Return the digest of bytes."""
    return digest_of_chunks(
        [zlib.crc32(data[i : i + CHUNK]) for i in range(0, len(data), CHUNK)]
    )


def digest_of_chunks(crcs: list[int]) -> int:
    """Return the digest of chunks whose CRC-32 are known."""
    return zlib.crc32(struct.pack(f"<{len(crcs)}I", *crcs))


@lru_cache(maxsize=1024)
def shuffle_stride(count: int) -> int:
    """Return the stride by which a shuffled range visits its count chunks."""
    stride = (count * 5 // 8) | 1
    while gcd(stride, count) != 1:
        stride += 2
    return stride
