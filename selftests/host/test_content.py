"""Patterns and digests, and that the agent computes the same."""

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmapkit.content import CHUNK, digest, digest_of_chunks, pattern, shuffle_stride
from mmapkit.grammar import parse_program

POSITIONS = st.integers(0, 1 << 40) | st.integers((1 << 64) - 9000, (1 << 64) - 1)


@given(st.integers(0, 1 << 32), POSITIONS, st.integers(0, 9000), st.integers(0, 9000))
def test_pattern_is_one_stream(seed, pos, skip, length):
    whole = pattern(skip + length, seed, pos)
    assert pattern(length, seed, pos + skip) == whole[skip:]


def test_pattern_repeats_no_word_nearby():
    data = pattern(64 * CHUNK, 0, 0) + pattern(64 * CHUNK, 1, 0)
    words = {data[i : i + 8] for i in range(0, len(data), 8)}
    assert len(words) == len(data) // 8


def test_digest_of_chunks_is_the_digest_of_the_bytes():
    data = pattern(3 * CHUNK + 5, 7, 3)
    crcs = [zlib.crc32(data[i : i + CHUNK]) for i in range(0, len(data), CHUNK)]
    assert digest(data) == digest_of_chunks(crcs)
    assert digest(b"") == digest_of_chunks([])


@given(st.integers(1, 2000))
def test_shuffled_visit_reaches_every_chunk_once(count):
    stride = shuffle_stride(count)
    assert sorted(i * stride % count for i in range(count)) == list(range(count))


@pytest.mark.parametrize("seed", [0, 1, 0xFFFFFFFF, 1 << 63])
@pytest.mark.parametrize(("off", "length"), [(0, 1), (5, 11), (4090, 12), (1, 0x3001)])
def test_agent_writes_the_same_pattern(machine, target, seed, off, length):
    path = target.nodes[0].path
    program = parse_program(
        f"open f0 {path} rdwr\npwrite f0 off={off} len={length} seed={seed}\n"
    )
    machine.run(program)
    with Path(path).open("rb") as file:
        file.seek(off)
        assert file.read(length) == pattern(length, seed, off)
