"""The gates of the series: what is a finding, what is excused, what a run comes to."""

import pytest

from mmapkit.errors import MmapkitError
from mmapkit.submission import checks, gate, tree

AGENT = "tools/testing/selftests/memphys/agent/shared.h"

TOLD = f"""\
ERROR:MISSING_SIGN_OFF: Missing Signed-off-by: line(s)

CHECK:BIT_MACRO: Prefer using the BIT macro
#120: FILE: {AGENT}:7:
+\tA = 1 << 0,

WARNING:LONG_LINE: line length of 101 exceeds 100 columns
#140: FILE: drivers/misc/memphys/main.c:9:
+\tlong

total: 1 errors, 1 warnings, 1 checks, 9 lines checked
"""


def test_messages_of_checkpatch_have_type_and_file():
    assert [(kind, file) for kind, file, _ in checks.findings(TOLD)] == [
        ("MISSING_SIGN_OFF", ""),
        ("BIT_MACRO", AGENT),
        ("LONG_LINE", "drivers/misc/memphys/main.c"),
    ]


@pytest.mark.parametrize(
    ("kind", "file", "excused"),
    [
        ("MISSING_SIGN_OFF", "", True),
        ("BIT_MACRO", AGENT, True),
        ("BIT_MACRO", "drivers/misc/memphys/main.c", False),
        ("LONG_LINE", AGENT, False),
        ("INCLUDE_LINUX", "drivers/misc/memphys/main.c", False),
    ],
)
def test_message_is_excused_where_it_is_argued(kind, file, excused):
    assert (checks.excuse(kind, file) is not None) is excused


def test_warnings_of_a_build_are_its_lines():
    told = "  CC  main.o\nmain.c:3:1: warning: unused\nmain.c:4:1: error: x\n"
    assert tree.complaints(told) == [
        "main.c:3:1: warning: unused",
        "main.c:4:1: error: x",
    ]


def fails(bench):
    raise MmapkitError("2 findings\nfirst\nsecond")


def absent(bench):
    raise gate.NotHere("no clang")


def run(*steps):
    said = []
    return gate.run(None, steps, said.append), said


def test_run_without_a_finding_comes_to_zero():
    failed, said = run(gate.Step("a", lambda bench: "fine"))
    assert failed == 0
    assert said[-1] == "submission: 1 passed, 0 failed, 0 skipped"


def test_step_that_fails_is_told_and_the_next_one_runs():
    failed, said = run(gate.Step("a", fails), gate.Step("b", lambda bench: "fine"))
    assert failed == 1
    assert said[0].split() == ["a", "FAILED", "0", "s", "2", "findings"]
    assert said[1:3] == ["    first", "    second"]
    assert said[-1] == "submission: 1 passed, 1 failed, 0 skipped; failed: a"


def test_step_that_needs_one_that_failed_does_not_pass():
    failed, said = run(
        gate.Step("a", fails), gate.Step("b", lambda bench: "fine", ("a",))
    )
    assert failed == 2
    assert "not run" in said[-2]


def test_step_that_cannot_run_here_says_why_and_fails_nothing():
    failed, said = run(gate.Step("a", absent))
    assert failed == 0
    assert said[0].split() == ["a", "skipped", "0", "s", "no", "clang"]


def test_every_step_needs_steps_before_it():
    names = [step.name for step in gate.STEPS]
    for step in gate.STEPS:
        assert all(names.index(need) < names.index(step.name) for need in step.needs)
