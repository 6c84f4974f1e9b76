"""The list of bugs is that of memphys_faulty, and each has its place in the table."""

import re
from dataclasses import asdict

import pytest

from detection import ordinary, peer, table
from detection.classes import BUGS, RIGHT
from detection.peer import Told
from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT
from mmapkit.targets.subjects import parse_subject

FAULTY = ROOT / "driver" / "faulty"


def made():
    """Return the names of all methods and devices of the module."""
    text = "".join(path.read_text() for path in FAULTY.glob("*.c"))
    return re.findall(r"^\t+\.name = \"([\w-]+)\",$", text, re.MULTILINE)


def test_every_bug_that_is_made_is_listed_once():
    right = {
        subject.path.rpartition("/")[2]
        for subjects in RIGHT
        for subject in map(parse_subject, subjects)
        if subject.is_device
    }
    assert sorted(made()) == sorted([*(bug.name for bug in BUGS), *right])


def test_every_method_that_is_made_is_registered():
    text = "".join(path.read_text() for path in FAULTY.glob("*.c"))
    made = r"^const struct memphys_method (\w+) = \{"
    listed = r"^\t&(\w+_method),$"
    assert sorted(re.findall(listed, text, re.MULTILINE)) == sorted(
        re.findall(made, text, re.MULTILINE)
    )


def test_there_are_many_classes():
    assert len({bug.bug for bug in BUGS}) >= 45


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_has_a_class_a_verdict_and_a_subject(bug):
    subject = parse_subject(bug.subject)
    assert bug.bug in table.CLASSES
    assert bug.due
    assert subject.is_device == bug.is_device
    assert (subject.path.rpartition("/")[2], subject.kind) == (bug.name, bug.kind)


def test_documentation_has_every_bug():
    text = (ROOT / "Documentation" / "detection-table.inc").read_text()
    assert re.findall(r"^\*\*\w+\*\* ``([\w-]+)``", text, re.MULTILINE) == [
        bug.name for bug in table.order(BUGS)
    ]


def test_entry_has_what_was_found():
    row = {
        "verdict": "hang",
        "test": "conformance/test_x.py::test_y",
        "programs": 1,
        "seconds": 2.4,
        "program": ["> load m0 4 => none"],
    }
    lines = table.entry(BUGS[0], row)
    assert lines[0].startswith(f"**{BUGS[0].bug}** ``{BUGS[0].name}``")
    assert "after 1 program in 2 s. ::" in lines[2]
    assert lines[4] == "        > load m0 4 => none"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told("x", peer.PASSES), "``pfnmap`` passes. ::"),
        (Told("x", peer.FAILS, "fork"), "``pfnmap`` fails (fork). ::"),
        (Told("x", peer.PASSES, kernel="BUG"), "passes, and the kernel complains. ::"),
        (Told("x", peer.CRASHES, "gone"), "takes the machine along. ::"),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
def test_entry_has_what_the_peer_says(told, words):
    row = {"verdict": "hang", "test": "a::b", "programs": 1, "seconds": 1}
    lines = table.entry(BUGS[0], row | {"program": []}, asdict(told))
    assert lines[2].endswith(words)


def test_summary_counts_what_the_peer_passes_over():
    names = [bug.name for bug in BUGS[:3]]
    told = dict.fromkeys(names, asdict(Told("x", peer.PASSES)))
    told |= {names[1]: asdict(Told("x", peer.SKIPS, kernel="BUG"))}
    told |= {names[2]: asdict(Told("x", peer.DIES)), "remap": told[names[0]]}
    text = "\n".join(table.summary({}, told))
    assert "says nothing of 2 of 3;" in text
    assert "complained of 1 of them" in text
    assert re.search(r"^passes +1 +1$", text, re.MULTILINE)
    assert re.search(r"^is killed +1 +0$", text, re.MULTILINE)
    assert table.summary({}, {}) == []


RESULTS = "TAP version 13\n1..2\nok 1 pfnmap.a\n{}ok 2 pfnmap.b\n# Totals: x\n"
SKIP = "TAP version 13\n1..0 # SKIP Invalid file: 'x'. Not pfnmap'ed"

# What the test printed, and its end; then what that comes to.
PEER = {
    "all pass": (RESULTS.format(""), "exited 0", peer.PASSES, ""),
    "one fails": (RESULTS.format("not "), "exited 1", peer.FAILS, "b"),
    "it breaks off": (RESULTS[:25], "exited 1", peer.FAILS, "exited 1"),
    "passed without results": ("", "exited 0", peer.FAILS, "exited 0"),
    "another file": (SKIP, "exited 4", peer.SKIPS, "Not pfnmap'ed"),
    "a signal": ("TAP version 13", "killed SIGBUS", peer.DIES, "SIGBUS"),
    "no end": ("TAP version 13", "never", peer.HANGS, ""),
    "no end at all": ("TAP version 13", "unkillable", peer.HANGS, "unkillable"),
}


@pytest.mark.parametrize("case", PEER)
def test_peer_is_understood(case):
    text, end, verdict, why = PEER[case]
    assert peer.judged("x", [*text.splitlines(), end]) == Told("x", verdict, why)


def test_peer_that_is_not_there_is_an_error():
    with pytest.raises(MmapkitError, match="pfnmap on x: ENOENT"):
        peer.judged("x", ["ENOENT"])


def test_every_file_of_the_suite_is_about_a_subject_or_apart():
    suite = ROOT / "selftests"
    files = {
        path.relative_to(suite)
        for folder in ("conformance", "properties")
        for path in (suite / folder).rglob("test_*.py")
    }
    named = [*ordinary.ORDER, *ordinary.APART]
    assert len(set(named)) == len(named)
    left = {f for f in files if not any(f.is_relative_to(name) for name in named)}
    assert left == set()
    assert all((suite / name).exists() for name in named)


def test_run_of_the_suite_that_takes_too_long_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(ordinary, "BUDGET", 0.05)
    run = ordinary.run_suite(("fault",), tmp_path / "run", None, debug=False)
    assert run.status == ordinary.TIMED_OUT
    assert "not done after 0.05 s" in run.output
    assert run.alarms == ()
