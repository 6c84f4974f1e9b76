"""Grades: what must be, what may be and is noted, what may be and is warned of."""

from collections import Counter
from dataclasses import replace

import pytest

from mmapkit import grades
from mmapkit.agent import Mode
from mmapkit.grades import LEEWAYS, Grade, Leeway
from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.tally import Tally
from mmapkit.target import Node
from mmapkit.verdict import Ok, Outcome, parse_result

from .test_model_look import SIZE, TARGET

OURS = Node("/dev/ours", "fault-page", start=2 << 60, size=SIZE, pages=True)
THEIRS = replace(OURS, path="/dev/theirs", start=3 << 60, foreign=True)
EAGER = replace(THEIRS, path="/dev/eager", start=4 << 60, eager=True)
BOTH = replace(TARGET, nodes=(*TARGET.nodes, OURS, THEIRS, EAGER))

LATE = "open f0 {} rdonly\nmmap m0 f0 off=0x7000 len=0x2000 prot=r flags=shared\n"
TAIL = "load m0+0x1000 4\n"
SIGBUS = "SIGBUS m0+0x1000 ADRERR"


def graded(text, *told, strict=False):
    """Return what was noted and warned of a program; None: it was wrong."""
    results = tuple(map(parse_result, told))
    program = parse_program(text)
    due, _, covered = Model(BOTH, strict=strict).expect(program).nearest(results)
    if due.results != results:
        return None
    grades = {grade.value for grade in Grade}
    return Counter({mark: n for mark, n in covered.items() if mark[0] in grades})


def test_every_leeway_has_a_name_of_its_own_and_a_reason():
    made = [value for value in vars(grades).values() if isinstance(value, Leeway)]
    assert sorted(LEEWAYS) == sorted(leeway.name for leeway in made)
    assert all(leeway.reason for leeway in made)
    assert {leeway.grade for leeway in made} == set(Grade)


DOFORK = (
    "open f0 /dev/page rdwr\nmmap m0 f0 off=0 len=0x1000 prot=r flags=shared\n"
    "madvise m0 dofork\n"
)


@pytest.mark.parametrize("answer", ["ok", "EINVAL"])
def test_answer_that_linux_leaves_open_is_noted(answer):
    seen = graded(DOFORK, "ok", "ok", answer)
    assert seen == {("note", "MADV_DOFORK", answer): 1}


SPLICE = (
    "open f0 /dev/fault rdwr\nmmap m0 f0 off=0 len=0x1000 prot=rw flags=private\n"
    "store m0 8 0\npeek m0 len=8 via=splice\n"
)


@pytest.mark.parametrize(
    ("answer", "told"), [(f"ok ={'00' * 8}", "8 bytes"), ("EFAULT", "EFAULT")]
)
def test_bytes_are_noted_by_their_number(answer, told):
    seen = graded(SPLICE, "ok", "ok", "ok", answer)
    assert seen == {("note", "vmsplice", told): 1}


@pytest.mark.parametrize("answer", ["EPERM", "EFAULT", "void"])
def test_answer_beside_what_is_left_open_is_a_failure(answer):
    assert graded(DOFORK, "ok", "ok", answer) is None


def test_answer_that_must_be_is_no_note():
    assert graded("open f0 /dev/page rdwr\nclose f0\n", "ok", "ok") == {}


def test_bad_practice_of_somebody_is_a_warning():
    seen = graded(LATE.format("/dev/theirs") + TAIL, "ok", "ok", SIGBUS)
    assert seen == {("warn", "late error", "ok"): 1}


def test_good_practice_is_none():
    seen = graded(LATE.format("/dev/theirs"), "ok", "EINVAL")
    assert all(grade == "note" for grade, *_ in seen)


def test_either_error_of_somebody_is_noted():
    for errno in ("EINVAL", "ENXIO"):
        seen = graded(LATE.format("/dev/theirs"), "ok", errno)
        assert seen == {("note", "mmap past the end", errno): 1}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/dev/ours", ("ok", SIGBUS)),
        ("/dev/ours", ("ENXIO", "void")),
        ("/dev/theirs", ("EACCES", "void")),
        ("/dev/theirs", ("ok", "ok 0x0")),
        ("/dev/theirs", ("ok", "SIGSEGV m0+0x1000 ACCERR")),
        ("/dev/eager", ("ok", SIGBUS)),
    ],
)
def test_what_must_not_be_is_a_failure(path, told):
    assert graded(LATE.format(path) + TAIL, "ok", *told) is None


def test_bad_practice_is_a_failure_where_that_is_asked_for():
    text = LATE.format("/dev/theirs")
    assert graded(text, "ok", "ok", strict=True) is None
    assert graded(text, "ok", "EINVAL", strict=True) is not None


def test_what_linux_leaves_open_stays_open_where_grades_are_strict():
    assert graded(DOFORK, "ok", "ok", "EINVAL", strict=True) is not None


def test_tally_has_a_line_for_each_leeway_with_its_reason():
    tally = Tally()
    seen = graded(LATE.format("/dev/theirs") + TAIL, "ok", "ok", SIGBUS)
    for answer in ("ok", "EINVAL", "ok"):
        tally.cover(graded(DOFORK, "ok", "ok", answer))
    tally.cover(seen)
    reasons = {name: LEEWAYS[name].reason for name in ("MADV_DOFORK", "late error")}
    assert tally.grades() == {
        Grade.WARN: [f"late error: ok 1 ({reasons['late error']})"],
        Grade.NOTE: [f"MADV_DOFORK: EINVAL 1, ok 2 ({reasons['MADV_DOFORK']})"],
    }


def test_tally_of_nothing_has_no_grades():
    assert Tally().grades() == {}


# ------------------------------------------------------------- in a lab

PROGRAM = parse_program(LATE.format("/dev/theirs"))
LET_THROUGH = Outcome((Ok(), Ok()))


def script(mode):
    return {(PROGRAM, mode): LET_THROUGH}


@pytest.mark.parametrize("strict", [False, True])
def test_lab_warns_or_fails(make, tmp_path, strict):
    lab = make(script(Mode.FRESH), target=BOTH, strict=strict)
    outcome = lab.run(PROGRAM)
    assert (outcome == outcome.due) is not strict
    warned = "# program 1: warn: late error: ok\n"
    assert (warned in (tmp_path / "journal").read_text()) is not strict
    assert (Grade.WARN in lab.tally.grades()) is not strict


def test_lab_warns_of_the_program_that_did_it(make, tmp_path):
    """Where several are under way at once."""
    modes = {**script(Mode.KEEP), **script(Mode.LAST), **script(Mode.FRESH)}
    lab = make(modes, target=BOTH)
    outcomes = lab.run_all([READ_PAGE, PROGRAM, READ_PAGE])
    assert all(outcome == outcome.due for outcome in outcomes)
    assert "# program 2: warn:" in (tmp_path / "journal").read_text()


READ_PAGE = parse_program("open f0 /dev/page rdonly\npread f0 off=0 len=8\n")
