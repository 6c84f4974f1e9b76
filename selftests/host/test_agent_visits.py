"""The kernel's own access, by every way, to what this machine maps without a driver."""

import pytest

from mmapkit.grammar import parse_program
from mmapkit.program import PEEK_WAYS, POKE_WAYS, Via
from mmapkit.verdict import Data, Errno, Value

MAPPED = "mmap m0 {} len=0x4000 prot=rw flags={}"
MEMORY = {
    "memfd, shared": "memfd f0 0x4000\n" + MAPPED.format("f0 off=0", "shared"),
    "memfd, private": "memfd f0 0x4000\n" + MAPPED.format("f0 off=0", "private"),
    "of nobody, shared": MAPPED.format("-", "shared"),
    "of nobody, private": MAPPED.format("-", "private"),
}

# {0} is a way of peek, {1} of poke; what each does to its neighbours is looked at.
CLAIMS = {
    "what was never touched": """
        peek m0+0xff8 len=16 {0}
        load m0+0xff8 8
        load m0+0x1000 8
    """,
    "what was stored": """
        fill m0 seed=3
        peek m0+0xff8 len=16 {0}
        peek m0+0x1003 len=256 {0}
        poke m0+0x2ffc data=0102030405060708 {1}
        load m0+0x2ff8 8
        load m0+0x3000 8
        digest m0
    """,
    "a copy that the kernel makes": """
        load m0+0x1000 8
        poke m0+0x1ffc data=a1a2a3a4a5a6a7a8 {1}
        digest m0
        fork p1
        p1: poke m0+0x1ff8 data=b1b2b3b4b5b6b7b8 {1}
        p1: peek m0+0x1ff8 len=16 {0}
        peek m0+0x1ff8 len=16 {0}
        wait p1
        digest m0
    """,
    "read only": """
        fill m0 seed=4
        mprotect m0+0x1000 len=0x1000 prot=r
        peek m0+0xff8 len=16 {0}
        poke m0+0xff9 data=c1c2c3c4c5c6c7c8 {1}
        poke m0+0x1ffc data=d1d2d3d4d5d6d7d8 {1}
        poke m0+0x1000 data=e1e2e3e4e5e6e7e8 {1}
        mprotect m0 prot=r
        digest m0
    """,
    "nothing is allowed": """
        fill m0 seed=5
        mprotect m0+0x1000 len=0x1000 prot=none
        peek m0+0xff3 len=24 {0}
        peek m0+0x1000 len=8 {0}
        poke m0+0xff3 data=000102030405060708090a0b0c0d0e0f {1}
        poke m0+0x1ffc data=d1d2d3d4d5d6d7d8 {1}
        mprotect m0 prot=r
        digest m0
    """,
    "the edge of a hole": """
        fill m0 seed=6
        munmap m0+0x1000 len=0x1000
        peek m0+0xff3 len=24 {0}
        peek m0+0x1ffc len=8 {0}
        poke m0+0xff3 data=000102030405060708090a0b0c0d0e0f {1}
        poke m0+0x1ffc data=d1d2d3d4d5d6d7d8 {1}
        poke m0+0x3ffc data=d1d2d3d4d5d6d7d8 {1}
        peek m0+0x4000 len=8 {0}
        digest m0 len=0x1000
        digest m0+0x2000
    """,
}


def text_of(memory, claim, peek, poke):
    return MEMORY[memory] + CLAIMS[claim].format(
        f"via={peek.value}", f"via={poke.value}"
    )


PAIRS = [
    (peek, poke)
    for peek, poke in (
        *zip(PEEK_WAYS, (*POKE_WAYS, Via.READ), strict=True),
        (Via.SPLICE, Via.WRITEV),
    )
]


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("memory", MEMORY)
def test_every_way_follows_the_model(machine, model, memory, claim, subtests):
    for peek, poke in PAIRS:
        with subtests.test(f"{peek.value}, {poke.value}"):
            text = text_of(memory, claim, peek, poke)
            assert machine.run(parse_program(text)) == model.run(parse_program(text))


def mutations(result):
    """What an agent or a kernel that is wrong might tell instead."""
    match result:
        case Data(data):
            yield Data(data[:-1])
            yield Data(data[:-1] + bytes([data[-1] ^ 1]))
            yield Errno("EFAULT")
        case Value(value):
            yield Value(value - 1)
            yield Errno("EFAULT")
        case Errno("EFAULT"):
            yield Errno("EIO")
            yield Value(8)
        case Errno(_):
            yield Errno("EFAULT")
            yield Value(8)


@pytest.mark.parametrize("claim", CLAIMS)
def test_results_that_are_a_little_wrong_are_refused(machine, model, claim):
    for peek, poke in PAIRS:
        text = text_of("memfd, private", claim, peek, poke)
        program = parse_program(text)
        results = machine.run(program).results
        for index, op in enumerate(program):
            if op.word not in ("peek", "poke"):
                continue
            for wrong in mutations(results[index]):
                told = (*results[:index], wrong, *results[index + 1 :])
                due, *_ = model.expect(program).nearest(told)
                assert due.results != told


def test_past_the_end_of_the_object_there_is_nothing_for_the_kernel(machine, model):
    """Where a load would raise SIGBUS, a system call has an error, and no signal."""
    program = parse_program(
        "memfd f0 0x1000\nmmap m0 f0 off=0 len=0x3000 prot=rw flags=shared\n"
        + "".join(
            f"peek m0+0xff8 len=16 via={way.value}\npeek m0+0x1000 len=8 "
            f"via={way.value}\n"
            for way in PEEK_WAYS
        )
        + "".join(
            f"poke m0+0xff8 data={'5a' * 16} via={way.value}\n"
            f"poke m0+0x1000 data={'5a' * 8} via={way.value}\n"
            for way in POKE_WAYS
        )
        + "load m0+0x1000 8\npeek m0+0xff8 len=8\n"
    )
    outcome = machine.run(program)
    assert outcome == model.run(program)
    assert str(outcome.results[-2]) == "SIGBUS m0+0x1000 ADRERR"


def test_debugger_of_a_thread_stops_that_thread_alone(machine, model):
    program = parse_program(
        "mmap m0 - len=0x1000 prot=rw flags=private\nthread p1\nfork p2\n"
        "p1: store m0 8 7\np1: peek m0 len=8 via=ptrace\n"
        f"p1: poke m0 data={'11' * 8} via=ptrace\nload m0 8\n"
        "p2: peek m0 len=8 via=ptrace\np2: thread p3\n"
        f"p3: poke m0+1 data={'22' * 8} via=ptrace\np2: load m0 8\n"
    )
    assert machine.run(program) == model.run(program)


@pytest.mark.parametrize("way", PEEK_WAYS)
def test_peek_leaves_nothing_open_and_nobody_behind(machine, way):
    """A program of all that fits comes out the same from the first to the last."""
    text = f"peek m0 len=8 via={way.value}\n" * 200
    program = parse_program(f"mmap m0 - len=0x1000 prot=rw flags=private\n{text}")
    _, *results = machine.run(program).results
    assert set(map(str, results)) == {f"ok ={'00' * 8}"}


def test_write_only_memory_is_read_by_the_processor_and_not_pinned(machine, model):
    """x86 has no pages that can be written and not read; mm has such VMAs."""
    program = parse_program(
        "mmap m0 - len=0x2000 prot=w flags=private\n"
        "peek m0 len=8 via=write\npeek m0+0x1000 len=8 via=readv\n"
        "poke m0 data=0102030405060708 via=writev\npeek m0 len=8 via=mem\n"
        "peek m0+0x1000 len=8 via=splice\n"
    )
    outcome = machine.run(program)
    assert [str(result) for result in outcome.results[1:5]] == [
        *(f"ok ={'00' * 8}", "EFAULT", "ok 0x8", "ok =0102030405060708")
    ]
    assert outcome == model.run(program)
