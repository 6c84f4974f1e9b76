"""KTAP, in which tests inside of the kernel tell their results on its log.

Documentation/dev-tools/ktap.rst of the kernel, as KUnit writes it. Everything
else that the kernel says in between belongs to the test that comes next. A log
that does not account for each test, whatever the reason, is no pass: lines get
lost, a kernel dies halfway, and then what is left may look perfect.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from mmapkit.console import strip_prefix

_VERSION = re.compile(r"( *)K?TAP version \d+")
_SUBTEST = re.compile(r"( *)# Subtest: (.+)")
_PLAN = re.compile(r"( *)1\.\.(\d+)(?: #.*)?")
_RESULT = re.compile(r"( *)(ok|not ok) (\d+)(?: - | |$)(.*)")
_DIRECTIVE = re.compile(r"(?:^| +)# *(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b *(.*)")
_TOTALS = re.compile(r"( *)# (\S+): pass:(\d+) fail:(\d+) skip:(\d+) total:(\d+)")

# Of /dev/kmsg, where a message of several lines is one.
_NEWLINE = re.compile(r"\\x0a|\n")

#: levels above this one have a plan; KUnit counts the parameters of a case only
#: when it has gone through them
_PLANNED = 2


class Status(Enum):
    """What came of a test. BROKEN: the log cannot be right."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Test:
    """A test and those inside of it.

    reason: why it was skipped, or what is wrong with the log. log: what the
    kernel said before the result, since the result before.
    """

    name: str
    status: Status
    reason: str = ""
    log: tuple[str, ...] = ()
    subtests: tuple["Test", ...] = ()

    def leaves(self) -> Iterator["Test"]:
        """Go through the tests that have none inside of them."""
        for test in self.subtests:
            yield from test.leaves()
        if not self.subtests:
            yield self

    def explain(self) -> list[str]:
        """Return why the test did not pass, in lines, for people."""
        head = f"{self.name}: {self.status.value}"
        lines = [f"{head}: {self.reason}" if self.reason else head, *self.log]
        for test in self.subtests:
            if test.status in (Status.FAILED, Status.BROKEN):
                lines += [f"  {line}" for line in test.explain()]
        return lines


@dataclass(frozen=True, slots=True)
class Report:
    """The tests of a log. problems: what is wrong with the log as a whole."""

    tests: tuple[Test, ...]
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Tell whether something was tested, and nothing speaks against it."""
        found = [test.status for test in self.tests]
        return (
            not self.problems
            and Status.PASSED in found
            and set(found) <= {Status.PASSED, Status.SKIPPED}
        )


@dataclass(slots=True)
class _Level:
    """Tests at one indentation, while they come."""

    indent: int
    depth: int
    name: str = ""
    version: bool = False
    planned: int | None = None
    tests: list[Test] = field(default_factory=list)
    # By pass, fail, skip, total: of the tests, and of all that is in them.
    totals: tuple[int, ...] | None = None
    totals_of_leaves: tuple[int, ...] | None = None
    first: int = 1
    problems: list[str] = field(default_factory=list)

    @property
    def fresh(self) -> bool:
        """Whether a header may still come."""
        return self.planned is None and not self.tests

    def verdict(self) -> list[str]:
        """Return what is wrong now that no more is to come."""
        found = list(self.problems)
        count = len(self.tests)
        if self.planned is not None and self.planned != count:
            found.append(f"{self.planned} tests were planned, {count} told")
        if self.planned is None and (self.version or self.depth):
            counted = self.totals or self.totals_of_leaves
            if self.depth < _PLANNED:
                found.append("no plan")
            elif counted is None and count != 1:
                found.append("neither a plan nor totals")
        if self.planned is None and not self.depth:
            # Then it is the tests inside that have to account for all.
            found += [
                f"nothing of {test.name} but its result"
                for test in self.tests
                if test.status is Status.PASSED and not test.subtests
            ]
        if not count:
            found.append("no tests")
        for claimed, tests in (
            (self.totals, self.tests),
            (self.totals_of_leaves, [leaf for t in self.tests for leaf in t.leaves()]),
        ):
            if claimed is not None and claimed != _count(tests):
                found.append(
                    "the kernel counts pass, fail, skip, total as "
                    f"{claimed}, the log has {_count(tests)}"
                )
        return found


def _count(tests: Iterable[Test]) -> tuple[int, ...]:
    found = [test.status for test in tests]
    kinds = (Status.PASSED, Status.FAILED, Status.SKIPPED)
    return (*(found.count(kind) for kind in kinds), len(found))


class _Parser:
    """Takes lines until there are no more."""

    def __init__(self) -> None:
        self._done: list[Test] = []
        self._problems: list[str] = []
        self._levels = [_Level(0, 0)]
        self._log: list[str] = []

    def line(self, text: str) -> None:
        """Take the next line of the log."""
        if match := _VERSION.fullmatch(text):
            self._header(len(match[1])).version = True
        elif match := _SUBTEST.fullmatch(text):
            self._header(len(match[1])).name = match[2]
        elif match := _PLAN.fullmatch(text):
            self._header(len(match[1])).planned = int(match[2])
        elif match := _RESULT.fullmatch(text):
            self._result(len(match[1]), match[2] == "ok", int(match[3]), match[4])
        elif match := _TOTALS.fullmatch(text):
            claimed = tuple(int(number) for number in match.groups()[2:])
            self._claim(len(match[1]), match[2], claimed)
        elif text.strip():
            self._log.append(text)

    def _header(self, indent: int) -> _Level:
        """Return the level that a line in front of tests is of."""
        top = self._levels[-1]
        if indent > top.indent:
            top = _Level(indent, len(self._levels))
            self._levels.append(top)
        elif indent == top.indent == 0 and not top.fresh:
            # Another module has been loaded.
            self._end_document()
            top = self._levels[-1]
        elif indent < top.indent or not top.fresh:
            top.problems.append("a header among the results")
        return top

    def _claim(self, indent: int, name: str, claimed: tuple[int, ...]) -> None:
        top = self._levels[-1]
        if indent >= top.indent:
            top.problems.append(f"totals of {name} away from its tests")
        elif name == "Totals":
            top.totals_of_leaves = claimed
        else:
            top.totals = claimed

    def _result(self, indent: int, ok: bool, number: int, text: str) -> None:
        if indent > self._levels[-1].indent:
            level = self._header(indent)
            level.problems.append("results without a header")
        inner: _Level | None = None
        while self._levels[-1].indent > indent:
            if inner is not None:
                self._close_lost(inner)
            inner = self._levels.pop()

        test = self._judge(inner, ok, text)
        top = self._levels[-1]
        if indent != top.indent:
            top.problems.append(f"{test.name} is indented like no other test")
        if top.depth == 0 and top.planned is None and not top.tests:
            # Before 6.3 KUnit went on counting from one module to the next.
            top.first = number
        due = top.first + len(top.tests)
        if number != due:
            top.problems.append(f"{test.name} has number {number}, {due} was due")
        top.tests.append(test)

    def _judge(self, inner: _Level | None, ok: bool, text: str) -> Test:
        """Return the test of a result line; inner: what is in it."""
        status = Status.PASSED if ok else Status.FAILED
        name, reason = text, ""
        if match := _DIRECTIVE.search(text):
            name, reason = text[: match.start()], match[2]
            if ok and match[1] in ("SKIP", "TODO"):
                status = Status.SKIPPED
            elif match[1] in ("TIMEOUT", "ERROR"):
                status = Status.FAILED
                reason = f"{match[1]} {reason}".rstrip()
        name = name.strip()
        log, self._log = tuple(self._log), []
        if inner is None:
            return Test(name, status, reason, log)

        problems = inner.verdict()
        if inner.name and inner.name != name:
            problems.append(f"ends the tests of {inner.name}")
        if ok and not all(
            test.status in (Status.PASSED, Status.SKIPPED) for test in inner.tests
        ):
            problems.append("passed although a test in it did not")
        if problems:
            status, reason = Status.BROKEN, "; ".join(problems)
        return Test(name, status, reason, log, tuple(inner.tests))

    def _close_lost(self, inner: _Level) -> None:
        """Put a level whose own result has not come into the one above it."""
        log, self._log = tuple(self._log), []
        reason = "; ".join([*inner.problems, "the log ends before its result"])
        lost = Test(
            inner.name or "(no name)", Status.BROKEN, reason, log, tuple(inner.tests)
        )
        self._levels[-1].tests.append(lost)

    def _end_document(self) -> None:
        while len(self._levels) > 1:
            self._close_lost(self._levels.pop())
        (root,) = self._levels
        self._done += root.tests
        self._problems += root.verdict()
        self._levels = [_Level(0, 0)]

    def end(self) -> Report:
        """Return what the log comes to."""
        self._end_document()
        return Report(tuple(self._done), tuple(self._problems))


def parse(lines: Iterable[str]) -> Report:
    """Return the results in lines of a console, or of /dev/kmsg."""
    parser = _Parser()
    for line in lines:
        for text in _NEWLINE.split(line.rstrip("\r\n")):
            parser.line(strip_prefix(text).rstrip())
    return parser.end()
