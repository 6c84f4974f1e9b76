"""What the model makes of objects that come and go, and of the module."""

from dataclasses import replace

import pytest
from hypothesis import given

from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.model import Left, Model
from mmapkit.program import Change, Ready, Request, Rmmod
from mmapkit.strategies import Shape, unloading
from mmapkit.strategies.surgery import surgery
from mmapkit.target import Node, Patterned, Target, Window
from mmapkit.verdict import parse_result

from . import test_model
from .test_strategies import sample

SIZE = 0x8000
BASE, SCATTERED = 0x5400000, 1 << 60
LAZY = Node("/dev/lazy", "page", start=SCATTERED, size=SIZE, pages=True, removable=True)
NODES = (
    Node("/dev/window", "fault"),
    LAZY,
    Node("/dev/eager", "remap", start=BASE, size=SIZE, eager=True, removable=True),
    Node("/dev/lent", "fault", start=BASE, size=SIZE, removable=True, lent=True),
    Node("/dev/own", "fault", size=SIZE, owns=True, removable=True),
    replace(LAZY, path="/dev/around", around=True),
)
WINDOWS = (
    Window("arena", BASE, SIZE, Patterned(), True),
    Window("lazy", SCATTERED, SIZE, Patterned(), True, "/dev/lazy"),
)
REQUESTS = tuple(
    (Ready(change, node.path), b"any") for node in NODES for change in Change
)
TARGET = Target(NODES, WINDOWS, 1 << 40, module="driver", requests=REQUESTS)

EVERY = pytest.mark.parametrize("node", ["lazy", "eager", "lent", "own"])


def expect(text, node="lazy", target=TARGET):
    program = parse_program(text.replace("NODE", f"/dev/{node}"))
    return Model(target).expect(program)


def results(text, node="lazy"):
    return [str(result) for result in expect(text, node).outcome.results]


OPEN = "open f0 NODE rdwr\nmmap m0 f0 off=0 len=0x3000 prot=rw flags=shared\n"
PRIVATE = OPEN.replace("shared", "private")


@EVERY
@pytest.mark.parametrize("opening", [OPEN, PRIVATE])
def test_every_page_of_a_revoked_mapping_is_gone(node, opening):
    text = "store m0+0x1000 8 5\nrequest revoke NODE\nload m0 1\nload m0+0x1000 8\n"
    text += "store m0+0x2000 1 1\npeek m0 len=1\npoke m0+0x1000 data=00\n"
    assert results(opening + text, node)[3:] == [
        *("ok", "SIGBUS m0+0x0 ADRERR", "SIGBUS m0+0x1000 ADRERR"),
        *("SIGBUS m0+0x2000 ADRERR", "EIO", "EIO"),
    ]


def test_pages_of_a_revoked_mapping_stay_gone_when_it_moves_and_forks():
    text = PRIVATE + (
        "store m0+0x1000 8 5\nrequest revoke NODE\n"
        "mremap m1 m0+0x1000 len=0x2000 new=0x2000 flags=maymove\nload m1 8\n"
        "fork p1\np1: store m1+0x1000 8 1\np1: load m0 1\n"
    )
    assert results(text)[-4:] == [
        *("SIGBUS m1+0x0 ADRERR", "ok", "SIGBUS m1+0x1000 ADRERR"),
        "SIGBUS m0+0x0 ADRERR",
    ]


@pytest.mark.parametrize("node", ["lazy", "around"])
def test_pages_of_a_revoked_mapping_are_not_to_be_seen(node):
    """Nor those that a fault may have brought besides."""
    looks = "pagemap m0\nmincore m0\nsmaps m0\n"
    expectation = expect(f"{OPEN}load m0 1\nrequest revoke NODE\n{looks}", node)
    told = [str(result) for result in expectation.outcome.results]
    assert told[4:6] == ["ok [- - -]", "ok =000000"]
    assert "rss=0" in told[6]
    for index, other in ((4, "ok [- 0x5 -]"), (5, "ok =000100")):
        wrong = tuple(map(parse_result, [*told[:index], other, *told[index + 1 :]]))
        assert expectation.nearest(wrong)[0].results != wrong


def test_revoke_reaches_every_process_and_nobody_else():
    text = PRIVATE + (
        "open f1 /dev/own rdwr\nmmap m1 f1 off=0 len=0x1000 prot=rw flags=shared\n"
        "fork p1\np1: store m0 8 5\np1: request revoke NODE\n"
        "load m0 8\np1: load m0 8\nload m1 8\npread f1 off=0 len=1\n"
    )
    assert results(text)[-4:] == [
        *("SIGBUS m0+0x0 ADRERR", "SIGBUS m0+0x0 ADRERR", "ok 0x0", "ENXIO"),
    ]


@EVERY
def test_file_of_a_revoked_object_gives_nothing(node):
    text = (
        "open f0 NODE rdwr\nrequest revoke NODE\npread f0 off=0 len=1\n"
        "pwrite f0 off=0 data=00\nmmap m0 f0 off=0 len=1 prot=r flags=shared\n"
        "mmap m0 f0 off=0 len=0x9000 prot=r flags=shared\nopen f1 NODE rdwr\nclose f0\n"
    )
    assert results(text, node)[2:] == [
        *("ENODEV", "ENODEV", "ENODEV", "EINVAL", "ENOENT", "ok")
    ]


@pytest.mark.parametrize(
    ("holding", "letting_go"),
    [
        ("open f0 NODE rdwr\n", "close f0\n"),
        (OPEN + "close f0\n", "munmap m0\n"),
        (OPEN + "close f0\nmunmap m0 len=0x2000\n", "munmap m0+0x2000\n"),
        (OPEN + "fork p1\nclose f0\nmunmap m0\n", "wait p1\n"),
        (OPEN + "fork p1\nclose f0\nmunmap m0\np1: close f0\n", "p1: munmap m0\n"),
        (
            OPEN + "close f0\n",
            "mmap m1 - len=0x3000 prot=r flags=private,fixed at=m0\n",
        ),
        (OPEN + "open f0 /dev/own rdwr\n", "munmap m0\n"),
    ],
)
@pytest.mark.parametrize(
    ("ask", "refused"), [("request delete NODE", "EBUSY"), ("rmmod driver", "EAGAIN")]
)
def test_what_is_held_is_not_taken_away(holding, letting_go, ask, refused):
    if ask.startswith("rmmod"):
        letting_go += "close f0\n"
    told = results(f"{holding}{ask}\n{letting_go}{ask}\n{ask}\n")
    assert told[holding.count("\n")] == refused
    assert told[-2:] == ["ok", "ENOENT"]


def test_revoked_object_still_holds_the_module():
    text = OPEN + (
        "request revoke NODE\nrmmod driver\nclose f0\nrmmod driver\nmunmap m0\n"
        "rmmod driver\nrmmod driver\nopen f0 /dev/window rdwr\nrequest make NODE\n"
    )
    assert results(text)[3:] == [
        *("EAGAIN", "ok", "EAGAIN", "ok", "ok", "ENOENT", "ENOENT", "ENOENT")
    ]


def test_new_object_has_memory_of_its_own_and_the_old_one_none_of_it():
    text = OPEN + (
        "fill m0 seed=1\nrequest revoke NODE\nrequest make NODE\n"
        "open f1 NODE rdwr\nmmap m1 f1 off=0 len=0x1000 prot=rw flags=shared\n"
        "load m1 8\nstore m1 8 7\npread f1 off=0 len=1\n"
        "load m0 8\npread f0 off=0 len=1\n"
        "request make NODE\nrequest delete NODE\n"
    )
    assert results(text)[7:] == [
        *("ok 0x0", "ok", "ok =07", "SIGBUS m0+0x0 ADRERR", "ENODEV", "EEXIST"),
        "EBUSY",
    ]


def test_memory_that_was_lent_is_there_for_the_next():
    text = (
        "open f0 NODE rdwr\npwrite f0 off=0 data=c0ffee\nclose f0\n"
        "request delete NODE\nrequest make NODE\nopen f0 NODE rdwr\n"
        "pread f0 off=0 len=3\n"
    )
    assert results(text, "lent")[-1] == "ok =c0ffee"


def test_window_is_not_to_be_taken_away():
    text = "request delete NODE\nrequest revoke NODE\nrequest make NODE\n"
    assert results(text, "window") == ["EPERM", "EPERM", "EEXIST"]


def test_request_without_the_capability_changes_nothing():
    text = "fork p1\np1: drop sys_rawio\np1: request revoke NODE\nrequest make NODE\n"
    assert results(text)[2:] == ["EPERM", "EEXIST"]


def test_frame_of_an_object_that_has_gone_may_be_anybodys():
    """And while it is there, it may not be behind another page."""
    copied = "mmap m1 - len=0x1000 prot=rw flags=private\nstore m1 1 1\npagemap m1\n"
    window = Window("eager", 0x7000000, SIZE, Patterned(), True, "/dev/eager")
    target = replace(TARGET, windows=(*WINDOWS, window))

    def allowed(beginning):
        expectation = expect(beginning + copied, target=target)
        told = list(expectation.outcome.results)
        told[-1] = type(told[-1])(("0x7001",))
        return expectation.nearest(tuple(told))[0].results == tuple(told)

    assert allowed("request delete /dev/eager\n")
    assert not allowed("request delete /dev/lent\n")


def test_what_is_left_is_told():
    revoked = "request revoke NODE\nrequest make NODE\nrequest revoke /dev/own\n"
    left = expect(revoked).nearest(())[1]
    assert left == Left(nodes=frozenset({"/dev/lazy", "/dev/own"}))
    nothing = (
        "open f0 NODE rdwr\nrequest make NODE\nrequest delete NODE\nrmmod driver\n"
    )
    assert expect(nothing).nearest(())[1] == Left()
    assert expect("rmmod driver\n").nearest(())[1] == Left(unloaded=True)


@pytest.mark.parametrize(
    "text",
    [
        "request =00\n",
        "request make /dev/nothing\n",
        "rmmod other\n",
        OPEN + "fork p1\ntogether\nrequest revoke NODE\np1: digest m0\nend\n",
        OPEN + "fork p1\ntogether\nrequest revoke NODE\np1: peek m0 len=8\nend\n",
        "fork p1\ntogether\nrequest =00\np1: open f1 NODE rdwr\nend\n",
    ],
)
def test_nobody_knows_what_comes_of_others(text):
    with pytest.raises(ModelError):
        expect(text)


SHAPE = Shape(window=None, size=SIZE)


def test_surgery_meets_revoke_and_fork_often():
    both = touched = 0
    programs = sample(surgery(["/dev/lazy"], SHAPE, lives=True))
    for program in programs:
        try:
            told = Model(TARGET).run(program).results
        except ModelError:
            continue
        words = [op.word for op in program]
        revoked = [
            index
            for index, (op, result) in enumerate(zip(program, told, strict=True))
            if isinstance(op, Request)
            and op.message.change is Change.REVOKE
            and str(result) == "ok"
        ]
        if revoked:
            both += "fork" in words
            touched += any(str(r).startswith("SIGBUS") for r in told[revoked[0] :])
    assert both > len(programs) / 16
    assert touched > len(programs) / 16


@given(surgery(["/dev/eager"], SHAPE, lives=True))
def test_program_without_its_requests_says_that_nothing_came_or_went(program):
    asks = [op for op in program if isinstance(op, Request)]
    try:
        left = Model(TARGET).expect(program).nearest(())[1]
    except ModelError:
        return
    assert asks or not left.nodes
    assert left.nodes <= {"/dev/eager"}


def test_programs_that_unload_are_refused_and_let_through():
    model = Model(replace(test_model.TARGET, module="driver"))
    told = [
        str(result)
        for program in sample(unloading(test_model.PATHS, "driver"))
        for op, result in zip(program, model.run(program).results, strict=True)
        if isinstance(op, Rmmod)
    ]
    assert set(told) == {"ok", "EAGAIN", "ENOENT"}
    assert min(map(told.count, set(told))) > len(told) / 20
