"""The agent alone catches faulty methods, too, and goes on as long as it can."""

import pytest

from mmapkit.ktap import Status, parse

CASE = """\
# The question, on methods that are wrong on purpose, and at last on one that is not.
# nodes: original nopage retry swapped warn uncached fault stuck remap
open f9 /dev/memphys/remap rdwr => ok
pwrite f9 off=arena len=0x6000 => ok 0x6000
open f0 {node} rdonly => ok
mmap m0 f0 off=arena len=0x6000 prot=rw flags=private => ok
load m0 4 => ok 0x6078e18f
load m0+0x5000 4 => ok 0xb8ecef7a
digest m0 => ok 24576 #0247a2c1
"""


@pytest.fixture(scope="module")
def report(lab, tmp_path_factory):
    if not lab.machine.host_files:
        pytest.skip("takes the machine down")
    path = tmp_path_factory.mktemp("cases") / "question.case"
    path.write_text(CASE)
    return parse(lab.machine.replay([path], ["memphys_faulty disposable=1"]))


@pytest.fixture(scope="module")
def told(report):
    return {test.name.removeprefix("question "): test for test in report.tests}


@pytest.mark.parametrize("method", ["original", "nopage", "retry"])
def test_loop_is_a_verdict_with_its_line(told, method):
    test = told[method]
    assert test.status is Status.FAILED
    (line,) = (line for line in test.log if line.startswith("# verdict"))
    assert line.startswith("# verdict retry-loop at /cases/question.case:")
    assert any(line.startswith("# evidence faults") for line in test.log)


def test_wrong_bytes_are_a_difference_at_their_line(told):
    test = told["swapped"]
    assert test.status is Status.FAILED
    assert any("/cases/question.case:" in line for line in test.log)
    assert not any("verdict" in line for line in test.log)


def test_warning_of_the_kernel_is_no_pass(told):
    test = told["warn"]
    assert test.status is Status.FAILED
    assert any("WARNING: " in line for line in test.log)


def test_complaint_that_taints_nothing_is_no_pass(told):
    test = told["uncached"]
    assert test.status is Status.FAILED
    assert not any("tainted" in line or "verdict" in line for line in test.log)
    assert any("map pfn" in line for line in test.log)


def test_replay_goes_on_after_all_of_them(told):
    assert told["fault"].status is Status.PASSED


def test_process_that_cannot_be_killed_is_the_end(report, told):
    assert told["stuck"].status is Status.FAILED
    (verdict,) = (line for line in told["stuck"].log if line.startswith("# verdict"))
    assert " unkillable at " in verdict
    assert "remap" not in told
    assert report.problems == ("9 tests were planned, 8 told",)
