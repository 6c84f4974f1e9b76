"""Alarms: what a failing test leaves behind for programs to read."""

import json
import os
import subprocess
import sys

import pytest

from mmapkit import alarms
from mmapkit.setup import ROOT

TEST = """
import pytest
from mmapkit.verdict import Ok, Outcome, Value, Verdict

def outcome(*results, verdict=Verdict.OK):
    return Outcome(results, verdict, program=("load m0 4", "load m0+4 4"))

def test_differs():
    assert outcome(Ok(), Value(1)) == outcome(Ok(), Value(2))

def test_hangs():
    assert outcome(Ok(), Ok(), verdict=Verdict.HANG) == outcome(Ok(), Ok())

def test_subtests(subtests):
    for number in range(3):
        with subtests.test(number=number):
            assert outcome(Ok(), Value(number)) == outcome(Ok(), Value(0))

def test_passes():
    pass
"""


@pytest.fixture
def run(tmp_path):
    """Run tests that fail, with the plugins; returns the status and the alarms."""

    def run(*words):
        file = tmp_path / "test_that_fails.py"
        file.write_text(TEST)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "test_that_fails.py", *words),
                *("-p", "mmapkit.plugin", "-p", "mmapkit.plugin_alarms"),
                *("-c", os.devnull, "--rootdir", str(tmp_path)),
                *("-p", "no:cacheprovider", f"--results={tmp_path / 'results'}"),
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT / "selftests")},
            capture_output=True,
            check=False,
        )
        found = list(alarms.read(tmp_path / "results" / "alarms.jsonl"))
        return done.returncode, found

    return run


def test_each_failure_is_an_alarm_with_its_verdict(run):
    status, found = run()
    assert status == 1
    assert [alarm.verdict for alarm in found] == [
        "differs",
        "hang",
        "differs",
        "differs",
    ]
    assert found[0].test.endswith("test_that_fails.py::test_differs")
    assert found[0].program == ("load m0 4", "load m0+4 4")


def test_alarms_are_of_the_last_run_alone(run):
    run()
    assert len(run("-k", "differs")[1]) == 1
    assert run("-k", "passes") == (0, [])


def test_one_alarm_ends_the_run_in_the_midst_of_subtests(run):
    status, found = run("--one-alarm", "-k", "subtests or passes")
    assert status == 1
    assert len(found) == 1


def test_alarm_is_a_line_of_json(tmp_path):
    alarm = alarms.Alarm("t", "hang", "m", program=("a",), seconds=1.5)
    alarms.append(tmp_path / "a", alarm)
    alarms.append(tmp_path / "a", alarm)
    assert list(alarms.read(tmp_path / "a")) == [alarm, alarm]
    assert json.loads((tmp_path / "a").read_text().splitlines()[0])["verdict"] == "hang"
