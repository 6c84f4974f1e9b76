"""What the model allows of threads and blocks, and what it refuses to know."""

from itertools import permutations

import pytest
from hypothesis import given, settings

from mmapkit.content import pattern
from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.program import Program
from mmapkit.report.text import explain
from mmapkit.strategies import crowds
from mmapkit.target import Node, Patterned, Target, Window
from mmapkit.verdict import Ok, Outcome, Value

NODES = (Node("/dev/remap", "remap", tracked=True), Node("/dev/fault", "fault"))
ARENA = Window("arena", 0x6400000, 4 << 20, Patterned(), writable=True)
TARGET = Target(NODES, (ARENA,), 1 << 40)
MODEL = Model(TARGET)

SHARED = (
    "open f0 /dev/fault rdwr\nmmap m0 f0 off=arena len=0x3000 prot=rw flags=shared\n"
)
PRIVATE = SHARED.replace("shared", "private")


def block(*lines):
    return "together\n" + "\n".join(lines) + "\nend\n"


def allowed(text):
    """Return what may come of the operations behind the first three, each way once."""
    outcomes = MODEL.expect(parse_program(text)).outcomes
    found = {tuple(str(r) for r in outcome.results[3:]) for outcome in outcomes}
    assert {outcome.allowed for outcome in outcomes} == {len(outcomes)}
    return found


def test_thread_shares_mappings_files_and_copies():
    text = (
        PRIVATE + "thread p1\np1: store m0 4 7\nload m0 4\np1: munmap m0+0x1000 "
        "len=0x1000\nload m0+0x1000 1\np1: close f0\nclose f0\nfork p2\n"
        "p1: store m0 4 8\np2: load m0 4\np2: thread p3\nwait p2\np3: load m0 4\n"
        "wait p1\np1: load m0 4\n"
    )
    assert [str(r) for r in MODEL.run(parse_program(text)).results[3:]] == [
        *("ok", "ok 0x7", "ok", "SIGSEGV m0+0x1000 MAPERR", "ok", "EBADF", "ok", "ok"),
        *("ok 0x7", "ok", "ok", "void", "ok", "void"),
    ]


def test_task_is_waited_for_by_the_one_that_made_it():
    text = "thread p1\np1: thread p2\nwait p2\nwait p1\nwait p2\np2: close f0\n"
    assert [str(r) for r in MODEL.run(parse_program(text)).results] == [
        *("ok", "ok", "void", "ok", "void", "EBADF")
    ]


def test_capability_is_a_threads_own():
    text = (
        "drop sys_admin\nthread p1\np1: drop sys_rawio\nopen f0 /dev/fault rdonly\n"
        "p1: open f1 /dev/fault rdonly\np1: thread p2\np2: open f1 /dev/fault rdonly\n"
    )
    results = MODEL.run(parse_program(text)).results
    assert [str(results[index]) for index in (3, 4, 6)] == ["ok", "EPERM", "EPERM"]


@pytest.mark.parametrize("make", ["thread", "fork"])
def test_either_store_may_be_the_last_and_later_loads_agree(make):
    text = SHARED + f"{make} p1\n" + block("store m0 4 1", "p1: store m0 4 2")
    text += "load m0 4\np1: load m0 4\n"
    assert allowed(text) == {
        ("ok", "ok", "ok 0x1", "ok 0x1"),
        ("ok", "ok", "ok 0x2", "ok 0x2"),
    }


def test_load_sees_one_of_the_values_that_were_there():
    text = SHARED + "thread p1\nstore m0 4 0\n"
    text += block("store m0 4 1", "store m0 4 2", "p1: load m0 4", "p1: load m0 4")
    loads = {result[-2:] for result in allowed(text)}
    values = [f"ok {n:#x}" for n in range(3)]
    assert loads == {(a, b) for a in values for b in values if a <= b}


def test_no_task_sees_its_stores_later_than_the_other_does():
    """Store buffers would show here: each would load what was there before."""
    text = SHARED + "thread p1\nfill m0\nstore m0 8 0\nstore m0+8 8 0\n"
    text += block("store m0 8 1", "load m0+8 8", "p1: store m0+8 8 1", "p1: load m0 8")
    loads = {(result[-3], result[-1]) for result in allowed(text)}
    assert loads == {("ok 0x0", "ok 0x1"), ("ok 0x1", "ok 0x0"), ("ok 0x1", "ok 0x1")}


def test_no_private_store_is_lost_when_two_threads_copy_a_page():
    text = PRIVATE + "thread p1\n" + block("store m0 8 1", "p1: store m0+8 8 2")
    text += "load m0 8\nload m0+8 8\nload m0+16 8\n"
    untouched = int.from_bytes(pattern(24, 0, 0)[16:], "little")
    assert allowed(text) == {("ok", "ok", "ok 0x1", "ok 0x2", f"ok {untouched:#x}")}


def test_orders_that_come_to_the_same_are_followed_once():
    lines = [f"p{n}: load m0+{8 * k} 8" for n in range(4) for k in range(4)]
    text = SHARED + "thread p1\nfork p2\nfork p3\n" + block(*lines)
    assert len(MODEL.expect(parse_program(text)).outcomes) == 1


def test_block_with_too_many_ways_is_refused():
    lines = [f"p{n}: store m0+{8 * k} 8 {n}" for n in range(4) for k in range(6)]
    text = SHARED + "thread p1\nthread p2\nthread p3\n" + block(*lines)
    with pytest.raises(ModelError, match="ways"):
        MODEL.expect(parse_program(text))


def test_munmap_comes_before_a_load_or_after_it():
    text = SHARED + "thread p1\nstore m0 4 9\n"
    text += block("munmap m0 len=0x1000", "p1: load m0 4", "p1: load m0 4")
    gone = "SIGSEGV m0+0x0 MAPERR"
    assert {result[-2:] for result in allowed(text)} == {
        ("ok 0x9", "ok 0x9"),
        ("ok 0x9", gone),
        (gone, gone),
    }


RACES = {
    "a store that straddles words": ("thread", "store m0+6 4 1", "p1: load m0+8 8"),
    "a store that straddles pages": (
        "fork",
        "store m0+0xffe 4 1",
        "p1: load m0+0xff8 8",
    ),
    "a fill and a load": ("fork", "fill m0 len=8", "p1: load m0 8"),
    "a digest and a store": ("fork", "digest m0", "p1: store m0+0x1000 8 1"),
    "a pwrite and a store": ("fork", "pwrite f0 off=arena data=00", "p1: store m0 1 1"),
    "a pread and a store": ("fork", "pread f0 off=arena len=9", "p1: store m0+8 1 1"),
    "a peek and a store": ("fork", "peek m0 len=8", "p1: store m0 1 1"),
    "a handle that changes": ("thread", "close f0", "p1: pread f0 off=arena len=1"),
    "a handle twice": ("thread", "open f1 /dev/fault rdwr", "p1: close f1"),
    "a mapping that comes": (
        *("thread", "mmap m1 f0 off=arena len=1 prot=r flags=shared"),
        "p1: load m1 1",
    ),
    "pages that go": ("thread", "munmap m0", "p1: load m0 1", "p1: load m0+0x1000 1"),
    "a page that goes for two": (
        *("thread", "munmap m0", "p1: load m0 1", "p2: load m0 1"),
    ),
    "pages that change": ("thread", "mprotect m0 prot=r", "p1: digest m0"),
    "a copy and what is copied": (
        *("fork", "mmap m1 f0 off=arena len=0x1000 prot=rw flags=private"),
        *("store m1 8 1", "p1: store m0+0xff8 8 1"),
    ),
}


@pytest.mark.parametrize("what", RACES)
def test_what_is_not_atomic_may_not_race(what):
    make, *lines = RACES[what]
    text = SHARED + f"{make} p1\nthread p2\n"
    with pytest.raises(ModelError, match="not atomic"):
        MODEL.expect(parse_program(text + block(*lines)))
    # It may, one after the other.
    assert MODEL.run(parse_program(text + "\n".join(lines)))


ALONE = {
    "disjoint fills": ("thread", "fill m0 len=0x1000", "p1: fill m0+0x1000 len=0x1000"),
    "two digests": ("thread", "digest m0", "p1: digest m0"),
    "a store in a store": ("thread", "store m0 8 1", "p1: store m0+4 2 3"),
    "a handle of another process": ("fork", "close f0", "p1: pread f0 off=arena len=1"),
    "pages of another process": ("fork", "munmap m0", "p1: digest m0"),
    "pages nobody touches": ("thread", "munmap m0", "p1: mprotect m0 prot=r"),
    "words around a page": ("thread", "store m0+0xff8 8 1", "p1: store m0+0x1000 8 1"),
    "what is not there": ("thread", "p5: fill m0", "p6: fill m0"),
}


@pytest.mark.parametrize("what", ALONE)
def test_what_is_atomic_or_disjoint_may(what):
    make, *lines = ALONE[what]
    assert MODEL.run(parse_program(SHARED + f"{make} p1\n" + block(*lines)))


def test_page_that_is_copied_before_the_block_is_not_read_in_it():
    text = PRIVATE + (
        "mmap m1 f0 off=arena len=0x1000 prot=rw flags=shared\nthread p1\n{}"
        "together\nstore m0 8 1\np1: store m1+8 8 1\nend\n"
    )
    assert MODEL.run(parse_program(text.format("store m0+16 1 1\n")))
    with pytest.raises(ModelError, match="not atomic"):
        MODEL.run(parse_program(text.format("")))


def test_nearest_is_the_outcome_itself_where_it_is_allowed():
    text = (
        SHARED + "thread p1\n" + block("store m0 4 1", "p1: store m0 4 2") + "load m0 4"
    )
    expectation = MODEL.expect(parse_program(text))
    for value in (1, 2):
        results = (Ok(),) * 5 + (Value(value),)
        assert expectation.nearest(results)[0].results == results
    lost = (Ok(),) * 5 + (Value(3),)
    due, left, *_ = expectation.nearest(lost)
    assert due.results != lost
    assert due.allowed == 2
    assert left.pages == {0x6400000}


def serial(program):
    """Return the outcomes of every order there is, by brute force."""
    ((first, end),) = program.blocks
    indices = range(first, end)
    found = set()
    for order in permutations(indices):
        tasks = {}
        for index in order:
            tasks.setdefault(program[index].proc, []).append(index)
        if any(lane != sorted(lane) for lane in tasks.values()):
            continue
        turns = [*range(first), *order, *range(end, len(program))]
        results = MODEL.run(Program(tuple(program[index] for index in turns))).results
        by_index = dict(zip(turns, results, strict=True))
        found.add(tuple(by_index[index] for index in range(len(program))))
    return found


def test_report_has_the_block_and_the_order_and_is_a_program_again():
    text = SHARED + "thread p1\n" + block("  p0: store m0 4 1", "  p1: store m0 4 2")
    text += "load m0 4\n"
    program = parse_program(text)
    expectation = MODEL.expect(program)
    results = (Ok(),) * 5 + (Value(3),)
    due, *_ = expectation.nearest(results)
    lines = explain(Outcome(results, program=tuple(text.splitlines())), due)
    assert "#" in lines[2]
    assert "the nearest of 2 that are allowed" in lines[2]
    assert lines[2].endswith("in the order 3, 4")
    told = [line.removeprefix(">") for line in lines[1:]]
    assert parse_program("\n".join(told)) == program
    (marked,) = (line for line in lines if line.startswith(">"))
    assert marked.endswith(f" => ok 0x3   # expected: {due.results[5]}")


@settings(max_examples=200)
@given(crowds(["/dev/fault"], longest=2))
def test_allowed_is_what_some_order_gives_and_nothing_else(program):
    outcomes = MODEL.expect(program).outcomes
    ((first, end),) = program.blocks
    if end - first <= 5:
        assert {outcome.results for outcome in outcomes} == serial(program)


@given(crowds([node.path for node in NODES]))
def test_model_knows_every_generated_block(program):
    outcomes = MODEL.expect(program).outcomes
    assert 1 <= len(outcomes) <= 1000
    assert all(len(outcome.results) == len(program) for outcome in outcomes)
