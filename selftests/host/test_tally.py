"""What was covered is counted as it was."""

import json

from mmapkit.grammar import parse_program
from mmapkit.tally import FAULTS, Tally
from mmapkit.verdict import parse_result

PROGRAM = parse_program(
    "open f0 /dev/x rdwr\n"
    "mmap m0 f0 off=0 len=1 prot=r flags=shared\n"
    "fork p1\n"
    "p1: load m0 4\n"
    "load m0 4\n"
    "load m1 4\n"
    "munmap m0+1\n"
)
RESULTS = tuple(
    map(
        parse_result,
        ("ok", "ok", "ok", "SIGBUS m0+0x0 ADRERR", "ok 0x1", "void", "EINVAL"),
    )
)


def counted():
    tally = Tally()
    tally.add(PROGRAM, RESULTS)
    return tally


def test_tally_tells_operations_by_what_came_of_them():
    lines = [" ".join(line.split()) for line in counted().lines()]
    assert "open 1 0" in lines
    assert "load 1 1 SIGBUS 1" in lines
    assert "munmap 0 0 EINVAL 1" in lines


def test_tally_tells_what_never_came_up():
    (never,) = [line for line in counted().lines() if line.startswith("never:")]
    assert "mremap" in never.split()
    assert "open" not in never.split()


def test_tally_counts_pairs_of_one_process_that_did_something():
    """open mmap, mmap fork, fork load, load munmap; the void load is passed over."""
    assert "4 of 25 pairs of operations came up" in counted().lines()


def test_tallies_add_up():
    tally = counted()
    tally.merge(counted())
    assert "open                2        0" in tally.lines()


COVERED = {
    ("fault", "shared PFN lazy", "read"): 3,
    ("fault", "private page eager", "wp"): 1,
    ("shape", "shared PFN lazy", "no head"): 2,
    ("shape", "shared PFN lazy", "bent"): 1,
}


def test_tally_tells_faults_and_shapes_for_each_sort_of_vma():
    tally = counted()
    tally.cover(COVERED)
    tally.merge(tally)
    lines = [line.split() for line in tally.lines()]
    assert lines[-5:-2] == [
        ["pages", "accessed", *FAULTS],
        ["private", "page", "eager", "-", "-", "-", "-", "2", "-", "-", "-"],
        ["shared", "PFN", "lazy", "-", "6", "-", "-", "-", "-", "-", "-"],
    ]
    assert lines[-2][-2:] == ["revoked", "bent"]
    assert " ".join(lines[-1]) == "shared PFN lazy - 4 - - - - - - 2"


def test_tally_travels_between_processes_whole():
    tally, other = counted(), Tally()
    tally.cover(COVERED)
    other.add_packed(json.loads(json.dumps(tally.packed())))
    assert vars(other) == vars(tally)


def test_tally_of_nothing_says_nothing():
    assert list(Tally().lines()) == []
