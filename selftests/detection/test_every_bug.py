"""The ordinary suite catches each bug of memphys_faulty, and names it rightly.

The suite is run as for any driver: its tests know of no bug, and it stops at the
first alarm. What it found is in detection.jsonl of the results folder.
"""

import json

import pytest

from detection.classes import BUGS, DEBUG, RIGHT
from detection.ordinary import BUDGET_DEBUG, run_suite
from mmapkit import kernel as kernels
from mmapkit.plugin import results_of

# Each run of the suite has a budget of its own, which is less.
pytestmark = pytest.mark.timeout(BUDGET_DEBUG + 60)


@pytest.fixture(scope="session")
def kernel(pytestconfig):
    """The version of the kernel, and whether it looks for trouble."""
    wanted = pytestconfig.getoption("--kernel")
    if wanted == DEBUG:
        return (7, 3), True
    found = kernels.find(wanted)
    major, minor, *_ = found.release.replace("-", ".").split(".")
    return (int(major), int(minor)), found.option("KASAN") == "y"


@pytest.fixture
def suite(pytestconfig, kernel):
    """Run the ordinary suite about subjects; returns how it ended."""
    results = results_of(pytestconfig)
    wanted = pytestconfig.getoption("--kernel")

    def suite(name, *subjects):
        folder = results / "detection" / name
        return run_suite(subjects, folder, wanted, debug=kernel[1])

    return suite


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_is_caught_by_the_ordinary_suite(pytestconfig, kernel, suite, bug):
    version, debug = kernel
    if bug.debug and not debug:
        pytest.skip("only a kernel that looks for trouble shows it: --kernel=debug")
    if version < bug.since:
        pytest.skip(f"kernels do not come there before {bug.since}")
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


def name_of(subjects):
    names = (text.partition(":")[0].rpartition("/")[2] for text in subjects)
    return "+".join(names)


@pytest.mark.parametrize("subjects", RIGHT, ids=name_of)
def test_right_one_raises_no_alarm(suite, subjects):
    run = suite(name_of(subjects), *subjects)
    assert run.alarms == ()
    assert run.status == 0, run.output[-4000:]
