"""Alarms: what a test has found, in a form that programs can read.

Each is a line of JSON in alarms.jsonl, in the results folder, written when the
test has failed and not at the end of the run: whatever happens next, it is there.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mmapkit.report.text import explain
from mmapkit.verdict import Outcome, Verdict

#: results that are not the due ones, where nothing worse came of the program
DIFFERS = "differs"
#: a test that found no words for what is wrong
ERROR = "error"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A test that failed.

    verdict: the value of verdict.Verdict, DIFFERS or ERROR. program: the lines of
    the one that was at fault, and shrunk of what is left of it, with its results.
    report: all that is known, in lines. programs, machines: how many had been
    used by then; seconds: since the run began.
    """

    test: str
    verdict: str
    message: str
    program: tuple[str, ...] = ()
    shrunk: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    programs: int = 0
    machines: int = 0
    seconds: float = 0.0


def verdict_of(outcome: Outcome) -> str:
    """Return the verdict of an outcome that was not the due one."""
    return DIFFERS if outcome.verdict is Verdict.OK else outcome.verdict.value


def report_of(outcome: Outcome) -> tuple[str, ...]:
    """Return all that is known of an outcome, in lines."""
    return tuple(explain(outcome, outcome.due or outcome))


def results_of(outcome: Outcome) -> tuple[str, ...]:
    """Return the lines of a program with its results, and what was due."""
    return tuple(line for line in report_of(outcome) if " => " in line)


def append(path: Path, alarm: Alarm) -> None:
    """Add an alarm to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(asdict(alarm)) + "\n")


def read(path: Path) -> Iterator[Alarm]:
    """Return the alarms of a file; none if it is not there."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        fields = json.loads(line)
        lists = {k: tuple(v) for k, v in fields.items() if isinstance(v, list)}
        yield Alarm(**(fields | lists))
