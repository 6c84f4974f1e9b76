"""The ordinary suite catches each bug of memphys_faulty, and names it rightly.

The suite is run as for any driver: its tests know of no bug, and it stops at the
first alarm. What it found is in detection.jsonl of the results folder.
"""

import json

import pytest

from detection.classes import BUGS, RIGHT
from detection.ordinary import run_suite
from mmapkit.plugin import results_of


@pytest.fixture
def suite(pytestconfig):
    """Run the ordinary suite about subjects; returns how it ended."""
    results = results_of(pytestconfig)
    kernel = pytestconfig.getoption("--kernel")

    def suite(name, *subjects):
        return run_suite(subjects, results / "detection" / name, kernel)

    return suite


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_is_caught_by_the_ordinary_suite(pytestconfig, suite, bug):
    run = suite(bug.name, bug.subject)
    assert run.status == 1, run.output[-4000:]
    (alarm,) = run.alarms
    row = {
        "name": bug.name,
        "bug": bug.bug,
        "verdict": alarm.verdict,
        "test": alarm.test.removeprefix("selftests/"),
        "program": alarm.shrunk or alarm.program,
        "programs": alarm.programs,
        "machines": alarm.machines,
        "seconds": alarm.seconds,
    }
    with (results_of(pytestconfig) / "detection.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    assert alarm.verdict in bug.due, "\n".join(alarm.report)


@pytest.mark.parametrize("methods", RIGHT, ids="+".join)
def test_right_method_raises_no_alarm(suite, methods):
    run = suite("-".join(("right", *methods)), *methods)
    assert run.alarms == ()
    assert run.status == 0, run.output[-4000:]
