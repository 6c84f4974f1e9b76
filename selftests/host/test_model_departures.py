"""What the model allows where an object goes in the midst of what others do."""

from collections import Counter

import pytest

from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.program import Request
from mmapkit.strategies import Shape, departures

from .test_drawn import sample
from .test_model_lifetime import SIZE, TARGET

OPEN = "open f0 NODE rdwr\nmmap m0 f0 off=0 len=0x2000 prot=rw flags=shared\n"


def allowed(inside, after="", node="lazy", before=OPEN):
    """Return what may come of the operations of a block, and of what is behind it."""
    block = "".join(f"{line}\n" for line in inside.split("; "))
    text = f"{before}fork p1\nfork p2\ntogether\n{block}end\n{after}"
    program = parse_program(text.replace("NODE", f"/dev/{node}"))
    begin = program.blocks[0][0]
    outcomes = Model(TARGET).expect(program).outcomes
    return {tuple(str(r) for r in outcome.results[begin:]) for outcome in outcomes}


BUS = "SIGBUS m0+0x0 ADRERR"


@pytest.mark.parametrize("node", ["lazy", "eager", "own"])
def test_touch_comes_before_a_revoke_or_is_a_sigbus(node):
    stores = "request revoke NODE; p1: store m0 8 1; p1: store m0 8 2"
    assert allowed(stores, "p1: load m0 8\n", node) == {
        ("ok", "ok", "ok", BUS),
        ("ok", "ok", BUS, BUS),
        ("ok", BUS, BUS, BUS),
    }


def test_file_that_gives_nothing_any_more_may_have_a_page_for_a_moment():
    """The object is closed to what begins, and then the page tables are emptied."""
    text = "request revoke NODE; p1: pread f0 off=0 len=1; p1: load m0 8"
    touched = OPEN + "store m0 8 5\n"
    found = {(read[:3], load) for _, read, load in allowed(text, before=touched)}
    answers = [(read, load) for read in ("ok ", "ENO") for load in ("ok 0x5", BUS)]
    assert found == set(answers)


def test_mapping_of_an_eager_method_may_outlive_what_it_did_not_know():
    text = "request revoke NODE; p1: mmap m1 f0 off=0 len=0x1000 prot=r flags=shared"
    loads = {
        (mapped, load.split()[0])
        for _, mapped, load in allowed(text, "p1: load m1 8\n", "eager")
    }
    assert loads == {("ok", "ok"), ("ok", "SIGBUS"), ("ENODEV", "void")}


@pytest.mark.parametrize("node", ["lazy", "around", "own"])
def test_mapping_of_a_lazy_method_gets_no_page_after_a_revoke(node):
    text = "request revoke NODE; p1: mmap m1 f0 off=0 len=0x1000 prot=r flags=shared"
    loads = {
        (mapped, load.split()[0])
        for _, mapped, load in allowed(text, "p1: load m1 8\n", node)
    }
    assert loads == {("ok", "SIGBUS"), ("ENODEV", "void")}


@pytest.mark.parametrize("change", ["revoke", "delete"])
def test_node_that_goes_may_be_opened_refused_or_not_found(change):
    text = f"request {change} NODE; p1: open f3 NODE rdwr; p1: open f4 NODE rdwr"
    found = allowed(text, before="")
    assert {tuple(opens) for answer, *opens in found if answer == "ok"} >= {
        *(("ENODEV", "ENODEV"), ("ENODEV", "ENOENT"), ("ENOENT", "ENOENT")),
    }
    busy = {tuple(opens) for answer, *opens in found if answer == "EBUSY"}
    assert busy == ({("ok", "ok")} if change == "delete" else set())


def test_object_is_not_made_before_the_old_one_has_lost_its_node():
    text = "request revoke NODE; p1: request make NODE; p2: open f3 NODE rdwr"
    found = allowed(text, "pread f0 off=0 len=1\n")
    assert {answer[1] for answer in found} == {"EEXIST", "ok"}
    assert ("ok", "ok", "ENODEV", "ENODEV") in found
    assert {answer[3] for answer in found} == {"ENODEV"}


def test_last_one_to_close_decides_whether_a_deletion_comes_too_early():
    text = "request delete NODE; p1: close f3"
    found = allowed(text, before="", after="")
    assert found == {("ok", "EBADF")}
    one = "thread p3\np3: open f3 NODE rdwr\n"
    assert allowed("request delete NODE; p3: close f3", before=one) == {("EBUSY", "ok")}


def test_drawn_departures_are_known_and_meet_what_others_do():
    found, ways, programs = Counter(), 0, 0
    for program in sample(departures("/dev/lazy", Shape(None, SIZE)), 125):
        try:
            outcomes = Model(TARGET).expect(program).outcomes
        except ModelError:
            continue
        programs += 1
        ways += len(outcomes) > 1
        ((begin, end),) = program.blocks
        asks = [op for op in program.operations[begin:end] if isinstance(op, Request)]
        found.update(op.message.change.value for op in asks)
        for outcome in outcomes:
            pairs = zip(
                program.operations[begin:end], outcome.results[begin:end], strict=True
            )
            found.update((op.word, str(result).split()[0]) for op, result in pairs)
    assert programs > 100
    assert ways > 60
    wanted = {
        *("make", "delete", "revoke", ("load", "SIGBUS"), ("store", "SIGBUS")),
        *(("load", "ok"), ("store", "ok"), ("mmap", "ok"), ("mmap", "ENODEV")),
        *(("open", "ok"), ("open", "ENODEV"), ("open", "ENOENT")),
        *(("pread", "ok"), ("pread", "ENODEV"), ("request", "EBUSY")),
    }
    assert wanted <= found.keys()
