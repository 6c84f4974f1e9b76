"""The driver's own tests, which run inside of the kernel that loads them."""

import re

import pytest

from mmapkit.errors import TargetError
from mmapkit.files import read_text
from mmapkit.ktap import Status, parse
from mmapkit.setup import ROOT

SOURCES = sorted((ROOT / "driver" / "tests").glob("*_kunit.c"))

# "static struct kunit_case x_cases[] = { ... }", and the suite that has them.
_CASES = re.compile(r"struct kunit_case (\w+)\[\] = \{(.*?)\n\};", re.DOTALL)
_SUITE = re.compile(r'\.name = "(\w+)",\n\t\.test_cases = (\w+),')


def suites():
    """Return the cases of each suite as the sources have them."""
    text = "".join(path.read_text() for path in SOURCES)
    cases = {
        name: re.findall(r"KUNIT_CASE\w*\((\w+)", body)
        for name, body in _CASES.findall(text)
    }
    return {suite: cases[array] for suite, array in _SUITE.findall(text)}


SUITES = suites()


def has_kunit(machine):
    try:
        read_text(machine, "/sys/module/kunit/parameters/stats_enabled")
    except TargetError:
        return False
    return True


@pytest.fixture(scope="module")
def own(make_lab, lab):
    """A lab whose driver nobody uses but the tests."""
    if not lab.machine.host_files:
        yield lab
        return
    own = make_lab(lambda machine: lab.target)
    yield own
    own.close()


@pytest.fixture(scope="module")
def report(own):
    """What the kernel says of its tests when they are loaded."""
    machine = own.machine
    # The kit packs kunit.ko where the kernel has it as a module.
    if not has_kunit(machine):
        answer = machine.insmod("kunit", "enable=1 autorun=1")
        if answer == "ENOENT":
            pytest.skip(f"{machine.hello.release} is built without CONFIG_KUNIT")
        assert answer == "ok"
    assert machine.insmod("memphys_kunit") == "ok"
    report = parse(machine.said)
    assert machine.rmmod("memphys_kunit") == "ok"
    return report


@pytest.mark.parametrize(
    ("suite", "case"),
    [(suite, case) for suite, cases in SUITES.items() for case in cases],
)
def test_kernel_says_that_its_test_passed(report, suite, case):
    """Each test of driver/tests passes where it is at home.

    Guards: A1, A3, A4.
    """
    of_suite = {test.name: test for test in report.tests}
    of_case = {test.name: test for test in of_suite[suite].subtests}
    test = of_case[case]
    assert test.status is Status.PASSED, "\n".join(test.explain())


def test_log_accounts_for_every_test(report):
    """A test that the log has nothing of has not passed: ktap.rst.

    Guards: none, the log is asked.
    """
    told = {test.name: [sub.name for sub in test.subtests] for test in report.tests}
    assert told == SUITES
    assert report.problems == ()
    assert report.passed, "\n".join(
        line for test in report.tests for line in test.explain()
    )
