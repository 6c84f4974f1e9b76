"""What the gate draws where sizes end: 32 bits, the address space of a process.

And what the kernel finds there once the object has gone. As many programs are drawn as
in the gate, or fewer: what never comes up is no part of a property.
"""

from collections import Counter

import pytest

from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.program import Change, Limit, Mmap, Peek, Poke, Pread, Pwrite, Request
from mmapkit.strategies import Shape, programs, refused
from mmapkit.strategies.surgery import surgery
from mmapkit.verdict import Errno, Ok

from .test_drawn import sample
from .test_model_lifetime import SIZE, TARGET

NODE = ("/dev/eager",)
SHAPE = Shape(window=None, size=SIZE)
FAR = 1 << 32


def run(program):
    """Return operations with what they come to; nothing where nobody knows."""
    try:
        results = Model(TARGET).run(program).results
    except ModelError:
        return []
    return list(zip(program, results, strict=True))


def test_offsets_and_lengths_that_32_bits_make_a_page_of_are_refused():
    page = SHAPE.page
    offsets, lengths = Counter(), Counter()
    for program in sample(refused(NODE, SHAPE), 125):
        op = program[1]
        offsets[op.off.delta] += 0 < op.len <= page
        lengths[op.len] += op.off.delta == 0
        if op.off.delta >= FAR or op.len >= FAR:
            assert run(program)[1][1] != Ok()
    # In bytes, and in pages.
    for size in (FAR + page, FAR * page + page):
        assert offsets[size] > 0
        assert lengths[size] > 0


def test_files_are_mapped_read_and_written_past_4_gib():
    far = Counter()
    lives = surgery(NODE, SHAPE, lives=True)
    for program in sample(programs(NODE, SHAPE), 1000) + sample(lives, 250):
        for op, result in run(program):
            if isinstance(op, Mmap | Pread | Pwrite) and op.off.delta >= FAR:
                far[op.word, str(result)] += 1
    assert {(word, "EINVAL") for word in ("mmap", "pread", "pwrite")} <= far.keys()
    assert not [key for key in far if key[1].startswith("ok")]


def test_limit_of_the_address_space_makes_mappings_fail_late():
    late = Counter()
    # What grows is memory of nobody.
    for program in sample(surgery(NODE, SHAPE), 500) + sample(surgery(()), 250):
        limited = False
        for op, result in run(program):
            limited = limited or isinstance(op, Limit)
            if limited:
                late[op.word, result] += 1
    for word in ("mmap", "mremap"):
        assert late[word, Errno("ENOMEM")] > 0
        assert late[word, Ok()] > 0


@pytest.mark.parametrize(("room", "due"), [(0x1000, "ENOMEM"), (0x2000, "ok")])
def test_mapping_that_moves_and_stays_counts_twice(room, due):
    text = (
        "mmap m0 - len=0x2000 prot=rw flags=private\n"
        f"limit {room:#x}\nmremap m1 m0 len=0x2000 new=0x2000 flags=maymove\n"
        "mremap m2 m1 len=0x2000 new=0x2000 flags=maymove,dontunmap\n"
    )
    results = Model(TARGET).run(parse_program(text)).results
    assert [str(result) for result in results] == ["ok", "ok", "ok", due]


def test_kernel_comes_to_memory_that_comes_and_goes():
    found = Counter()
    for program in sample(surgery(NODE, SHAPE, lives=True), 250):
        revoked = False
        for op, result in run(program):
            if isinstance(op, Request) and op.message.change is Change.REVOKE:
                revoked = revoked or result == Ok()
            if isinstance(op, Peek | Poke):
                found[op.word, revoked, isinstance(result, Errno)] += 1
    for word in ("peek", "poke"):
        assert found[word, False, False] > 0
        assert found[word, True, True] > 0
