"""What is legal and bad practice is a warning, and a failure where that is asked for.

The device lets mappings past its end through, and its handler says SIGBUS there
(A11): nobody gets at memory that is not the device's, but is told too late.
"""

import subprocess
import sys

import pytest

from detection.ordinary import MODULE
from mmapkit.plugin import results_of
from mmapkit.setup import ROOT

CLAIM = "conformance/test_regions.py::test_claim_holds_for_every_pair[end]"
SUBJECT = "/dev/memphys/too-late:fault-page"


@pytest.fixture
def suite(pytestconfig, tmp_path):
    """Run a claim about the device; returns how that ended."""

    def suite(*options):
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        words += [str(ROOT / "selftests" / CLAIM), f"--subject={SUBJECT}"]
        words += [f"--module={MODULE}", *options]
        words += [f"--results={results_of(pytestconfig) / 'grades' / tmp_path.name}"]
        if kernel := pytestconfig.getoption("--kernel"):
            words.append(f"--kernel={kernel}")
        return subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, check=False
        )

    return suite


def test_late_error_is_a_warning(suite):
    run = suite()
    assert run.returncode == 0, run.stdout
    assert "\nwarn: late error: ok " in run.stdout


def test_late_error_is_a_failure_where_that_is_asked_for(suite):
    run = suite("--strict-grades")
    assert run.returncode == 1, run.stdout
    assert "=> ok   # expected: EINVAL" in run.stdout
    assert "\nwarn: " not in run.stdout
