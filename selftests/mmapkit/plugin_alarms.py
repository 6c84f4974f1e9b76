"""The pytest plugin that writes alarms down, and shrinks what raised them."""

import time
from collections.abc import Generator

import pytest

from mmapkit import alarms
from mmapkit.alarms import Alarm
from mmapkit.errors import MmapkitError, ProgramTrouble
from mmapkit.lab import Lab
from mmapkit.plugin import labs_of, late_of, machines_of, results_of
from mmapkit.program import Program
from mmapkit.shrink import alarming, shrink
from mmapkit.verdict import Outcome, Verdict

FILE = "alarms.jsonl"

_BEGAN = pytest.StashKey[float]()
_COMPARED = pytest.StashKey[Outcome | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("memphys")
    group.addoption(
        "--one-alarm",
        action="store_true",
        help="end the run at the first alarm, in the midst of a test with subtests too",
    )
    group.addoption(
        "--shrink",
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="shrink a program that raised an alarm, for so long at most",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_BEGAN] = time.monotonic()
    config.stash[_COMPARED] = None
    # Of this run, and not of one before with the same --results.
    (results_of(config) / FILE).unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _compared(pytestconfig: pytest.Config) -> None:
    pytestconfig.stash[_COMPARED] = None


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> None:
    if op == "==" and isinstance(left, Outcome) and isinstance(right, Outcome):
        config.stash[_COMPARED] = left


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and report.failed:
        _alarm(item, call.excinfo, ended=call.when == "teardown")
        if item.config.getoption("--one-alarm"):
            pytest.exit("memphys: an alarm ends this run", returncode=1)
    return report


def _alarm(
    item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException], *, ended: bool
) -> None:
    config = item.config
    lab, program, outcome = None, None, None
    if not ended or not late_of(config):
        lab, program, outcome = _culprit(config)
    lines = excinfo.exconly().splitlines() or [""]
    began = config.stash[_BEGAN]
    alarm = Alarm(
        item.nodeid,
        _verdict(config, excinfo.value, outcome),
        lines[0],
        program=outcome.program if outcome else (),
        report=alarms.report_of(outcome) if outcome else (),
        programs=sum(lab.programs for lab in labs_of(config)),
        machines=machines_of(config),
        seconds=round(time.monotonic() - began, 1),
        shrunk=_shrunk(config, lab, program, outcome),
    )
    alarms.append(results_of(config) / FILE, alarm)


def _culprit(
    config: pytest.Config,
) -> tuple[Lab | None, Program | None, Outcome | None]:
    """Return the lab, the program and the outcome that a failure is about.

    The outcome that was compared; else the last one of all.
    """
    labs = [lab for lab in labs_of(config) if lab.recent]
    compared = config.stash[_COMPARED]
    config.stash[_COMPARED] = None
    for lab in labs:
        for program, outcome in lab.recent:
            if outcome is compared:
                return lab, program, outcome
    if compared is not None or not labs:
        return None, None, compared
    lab = max(labs, key=lambda lab: lab.number)
    return lab, *lab.recent[-1]


def _verdict(
    config: pytest.Config, raised: BaseException, outcome: Outcome | None
) -> str:
    if isinstance(raised, ProgramTrouble):
        return raised.verdict
    if isinstance(raised, MmapkitError):
        return alarms.ERROR
    if outcome is None:
        return Verdict.SPLAT.value if late_of(config) else alarms.ERROR
    return alarms.verdict_of(outcome)


def _shrunk(
    config: pytest.Config,
    lab: Lab | None,
    program: Program | None,
    outcome: Outcome | None,
) -> tuple[str, ...]:
    seconds: float = config.getoption("--shrink")
    if not seconds or lab is None or program is None or outcome is None:
        return ()
    if not alarming(outcome):
        return ()
    _, least = shrink(lab.run, program, outcome, seconds)
    return alarms.results_of(least)
