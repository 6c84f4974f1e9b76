"""Cases: programs with their results, as plain text; agent/case.c reads the same.

    # What a read-only node has mapped cannot be made writable: mprotect(2), EACCES.
    # nodes: remap fault
    open f0 {node} rdonly                                  => ok
    mmap m0 f0 off=arena len=0x1000 prot=r flags=shared    => ok
    mprotect m0 prot=rw                                    => EACCES

Behind "=>" stands what an operation has to come to, as the agent tells it. Where
Linux leaves it open, results that are all right have "|" between them. A case
that opens {node} names the nodes that it is run on, by what comes behind
/dev/memphys/.

A case owes nothing to what was there before: what memory holds, it has put there
itself.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mmapkit.errors import ProgramError
from mmapkit.grammar import parse_program
from mmapkit.program import Open, Program
from mmapkit.verdict import Outcome, Result, Verdict, parse_result

#: what stands for one node after the other
ANY_NODE = "{node}"

_NODES = "# nodes:"
_FOLDER = "/dev/memphys/"
_BLOCK = ("together", "end")
# A digest has a "#", too, and no blank behind it.
_COMMENT = re.compile(r"\s#(\s|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claim:
    """An operation with the results that are right, and where that stands."""

    line: int
    text: str
    due: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A program and what each of its operations has to come to.

    nodes are paths; none: the program opens no ANY_NODE.
    """

    name: str
    head: str
    nodes: tuple[str, ...]
    program: Program
    claims: tuple[Claim, ...]

    def on(self, node: str) -> Program:
        """Return the program on a node."""
        return self.program.retarget(lambda path: node if path == ANY_NODE else path)

    def differences(self, outcome: Outcome) -> list[str]:
        """Return what an outcome has that the case has not, in lines."""
        told = [
            f"{self.name}:{claim.line}: {claim.text}: due "
            f"{' | '.join(map(str, claim.due))}, came {came}"
            for claim, came in zip(self.claims, outcome.results, strict=True)
            if came not in claim.due
        ]
        if outcome.verdict is not Verdict.OK:
            told.append(f"{self.name}: verdict {outcome.verdict.value}")
        return told


def read_case(path: Path) -> Case:
    """Return the case of a file; ProgramError says where it is malformed."""
    return parse_case(path.stem, path.read_text())


def parse_case(name: str, text: str) -> Case:
    """Return the case of a text."""
    program = parse_program(text)
    lines = list(enumerate(text.split("\n"), start=1))
    nodes, named = nodes_of(text)
    claims = [claim for number, line in lines if (claim := _claim(number, line))]
    if not claims:
        raise ProgramError(len(lines), 1, "there is no operation")
    opened = False
    for claim, op in zip(claims, program, strict=True):
        if not isinstance(op, Open):
            continue
        if op.path == ANY_NODE:
            opened = True
            if not 0 < named < claim.line:
                before = f'no line "{_NODES}" before {ANY_NODE}'
                raise ProgramError(claim.line, 1, before)
        elif not op.path.startswith("/"):
            reason = f"a path is / and more, or {ANY_NODE}"
            raise ProgramError(claim.line, 1, reason)
    if nodes and not opened:
        raise ProgramError(named, 1, f"nothing opens {ANY_NODE}")
    return Case(name, _head(lines), nodes, program, tuple(claims))


def _head(lines: Iterable[tuple[int, str]]) -> str:
    """Return the comment that a case begins with, but for its nodes."""
    told: list[str] = []
    for _, line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith(_NODES):
            told.append(line[1:].strip())
    return "\n".join(told)


def nodes_of(text: str) -> tuple[tuple[str, ...], int]:
    """Return the nodes, and the number of the line that names them, or 0."""
    nodes: tuple[str, ...] = ()
    named = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.startswith(_NODES):
            continue
        if named:
            raise ProgramError(number, 1, f"nodes are named in line {named}")
        named = number
        names = line.removeprefix(_NODES).split()
        if not names:
            raise ProgramError(number, len(line) + 1, "a node is due")
        nodes = tuple(n if n.startswith("/") else _FOLDER + n for n in names)
    return nodes, named


def _claim(number: int, line: str) -> Claim | None:
    """Return what a line says of its operation; None where there is none."""
    words = list(re.finditer(r"\S+", line, re.ASCII))
    stop = next((w for w in words if w[0].startswith(("#", "=>"))), None)
    operation = line[: stop.start()].strip() if stop else line.strip()
    claims = stop is not None and stop[0].startswith("=>")
    at = stop.start() if stop else len(line)
    if not operation or operation in _BLOCK:
        if claims:
            raise ProgramError(number, at + 1, "a result without an operation")
        return None
    if not claims:
        raise ProgramError(number, at + 1, "=> and a result are due")
    return Claim(number, operation, tuple(_due(number, line, at + 2)))


def _due(number: int, line: str, at: int) -> Iterable[Result]:
    """Return the results from a column on, counted from 0."""
    # The blank in front of a comment may be what ends "=>".
    comment = _COMMENT.search(line, at)
    end = comment.start() + 1 if comment else len(line)
    for part in line[at:end].split("|"):
        word = part.strip()
        column = at + len(part) - len(part.lstrip()) + 1
        at += len(part) + 1
        try:
            result = parse_result(word)
        except ValueError:
            result = None
        # Another spelling of a number would not be what the agent tells.
        if result is None or str(result) != word or "?" in word:
            reason = f'not a result as the agent tells it: "{word}"'
            raise ProgramError(number, column, reason)
        yield result


def format_case(text: str, results: Iterable[Iterable[Result]]) -> str:
    """Return the text of a case or a program with results behind each operation.

    results: for each operation those that are right. What stood behind "=>" is
    replaced, comments there too.
    """
    left = iter(results)
    lines = text.split("\n")
    places: dict[int, str] = {}
    for index, line in enumerate(lines):
        words = re.finditer(r"\S+", line, re.ASCII)
        stop = next((w for w in words if w[0].startswith(("#", "=>"))), None)
        operation = line[: stop.start()].rstrip() if stop else line.rstrip()
        if operation and operation.strip() not in _BLOCK:
            places[index] = operation
    width = max(map(len, places.values()), default=0)
    for index, operation in places.items():
        due = " | ".join(map(str, next(left)))
        lines[index] = f"{operation:{width}} => {due}"
    return "\n".join(lines)
