"""Outcomes as plain text: the program with its results, fit for a mail.

The lines of the program are a program again: behind "=>" stands what grammar.py
passes over.
"""

from collections.abc import Iterator, Sequence
from itertools import count

from mmapkit.text import is_operation
from mmapkit.verdict import Outcome, Result, Verdict

#: lines of a kernel report, and of the console, that are shown
_LINES = 40


def _program(actual: Outcome, expected: Outcome) -> Iterator[str]:
    width = max((len(line) for line in actual.program), default=0)
    indices = count()
    for line in actual.program:
        if not is_operation(line):
            yield f"  {line}"
            continue
        index = next(indices)
        result = actual.results[index]
        due = expected.results[index]
        mark = ">" if index == actual.stopped_at or result != due else " "
        rest = "" if result == due else f"   # expected: {due}"
        yield f"{mark} {line:<{width}} => {result}{rest}"


def where(stopped_at: int | None, program: Sequence[str]) -> str:
    """Return in words where a program, given by its lines, stopped."""
    if stopped_at is None:
        return ", no operation known"
    operations = [line.strip() for line in program if is_operation(line)]
    if stopped_at >= len(operations):
        return " when the processes exited"
    return f" at operation {stopped_at}: {operations[stopped_at]}"


def _cut(lines: tuple[str, ...]) -> Iterator[str]:
    for line in lines[:_LINES]:
        yield f"    {line}"
    if len(lines) > _LINES:
        yield f"    ... {len(lines) - _LINES} more lines"


def explain(actual: Outcome, expected: Outcome) -> list[str]:
    """Return lines that say how an outcome differs from the one it has to be."""
    lines = [f"verdict {actual.verdict.value}"]
    if actual.verdict is not Verdict.OK:
        lines[0] += where(actual.stopped_at, actual.program)
    if expected.verdict is not actual.verdict:
        lines[0] += f" (expected: {expected.verdict.value})"
    lines += ["", *(f"# {note}" for note in actual.notes)]
    if expected.order:
        order = ", ".join(map(str, expected.order))
        lines.append(
            f"# expected: the nearest of {expected.allowed} that are allowed; "
            f"operations of blocks in the order {order}"
        )
    lines += _program(actual, expected)
    if actual.evidence:
        lines += ["", "evidence:"]
        lines += [f"    {key} {text}" for key, text in actual.evidence]
    for finding in actual.findings:
        lines += ["", f"kernel log, {finding.kind}: {finding.title}"]
        lines += _cut(finding.lines[1:])
    if not actual.findings and actual.console:
        lines += ["", "end of the console:", *_cut(actual.console[-_LINES:])]
    return lines


def summary(results: tuple[Result, ...]) -> str:
    """Return results in one line."""
    return ", ".join(str(result) for result in results)
