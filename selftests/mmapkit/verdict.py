"""What operations and programs come to: results, verdicts, outcomes.

A result belongs to one operation, a verdict to a whole run. Both have a text
form, which the agent writes and reports show.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import Enum


class Result:
    """What one operation did."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Ok(Result):
    """The call returned, and there is nothing else to say."""

    def __str__(self) -> str:
        return "ok"


@dataclass(frozen=True, slots=True)
class Value(Result):
    """A load, or the number of bytes that a write took."""

    value: int

    def __str__(self) -> str:
        return f"ok {hex(self.value)}"


@dataclass(frozen=True, slots=True)
class Data(Result):
    """Bytes, few enough to be spelled out."""

    data: bytes

    def __str__(self) -> str:
        return f"ok ={self.data.hex()}"


@dataclass(frozen=True, slots=True)
class Digested(Result):
    """Bytes, by their number and content.digest()."""

    count: int
    crc: int

    def __str__(self) -> str:
        return f"ok {self.count} #{self.crc:08x}"


@dataclass(frozen=True, slots=True)
class Words(Result):
    """Words: of what was looked at."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"ok [{' '.join(self.words)}]"


@dataclass(frozen=True, slots=True)
class Errno(Result):
    """The call failed; name as in errno(3)."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Signal(Result):
    """The access raised a signal; off is the address, relative to the mapping."""

    name: str
    map: int
    off: int
    code: str

    def __str__(self) -> str:
        sign = "-" if self.off < 0 else "+"
        return f"{self.name} m{self.map}{sign}{hex(abs(self.off))} {self.code}"


@dataclass(frozen=True, slots=True)
class Killed(Result):
    """The process died of it."""

    signal: str

    def __str__(self) -> str:
        return f"killed {self.signal}"


@dataclass(frozen=True, slots=True)
class Void(Result):
    """There was nothing to do it on: no such mapping, no such process."""

    def __str__(self) -> str:
        return "void"


@dataclass(frozen=True, slots=True)
class NotReached(Result):
    """The program ended, or was ended, before it."""

    def __str__(self) -> str:
        return "none"


_FORMS = (
    (re.compile(r"ok"), lambda m: Ok()),
    (re.compile(r"ok 0x([0-9a-f]+)"), lambda m: Value(int(m[1], 16))),
    (re.compile(r"ok =((?:[0-9a-f]{2})*)"), lambda m: Data(bytes.fromhex(m[1]))),
    (
        re.compile(r"ok ([0-9]+) #([0-9a-f]{8})"),
        lambda m: Digested(int(m[1]), int(m[2], 16)),
    ),
    (
        re.compile(r"ok \[((?:[-0-9a-z:,=]+(?: [-0-9a-z:,=]+)*)?)\]"),
        lambda m: Words(tuple(m[1].split())),
    ),
    (re.compile(r"E[A-Z0-9?]+"), lambda m: Errno(m[0])),
    (
        re.compile(r"(SIG\w+) m([0-9]+)([+-]0x[0-9a-f]+) ([A-Z_?]+)"),
        lambda m: Signal(m[1], int(m[2]), int(m[3], 16), m[4]),
    ),
    (re.compile(r"killed (SIG\S+)"), lambda m: Killed(m[1])),
    (re.compile(r"void"), lambda m: Void()),
    (re.compile(r"none"), lambda m: NotReached()),
)


def parse_result(text: str) -> Result:
    """Return the result of a text; ValueError when it is none."""
    for form, make in _FORMS:
        if match := form.fullmatch(text):
            return make(match)
    raise ValueError(f'not a result: "{text}"')


class Verdict(Enum):
    """What a run came to, from good to worst."""

    OK = "ok"
    #: the kernel log has something that it must not have
    SPLAT = "splat"
    #: a process of the program was killed, and not by the agent
    KILLED = "killed"
    #: the same address faults again and again
    RETRY_LOOP = "retry-loop"
    #: no progress, and no sign of work
    HANG = "hang"
    #: neither, and SIGKILL had no effect
    UNKILLABLE = "unkillable"
    #: the machine ended, and said so
    PANIC = "panic"
    #: the machine ended or went silent, and did not say why
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the kernel log that must not be there.

    kind is a word ("oops", "warning", "lockdep" ...), title the line that
    tells it, lines the report around it. run and operation are what the task
    that the report names was at, None where it names none of a program.
    """

    kind: str
    title: str
    lines: tuple[str, ...] = ()
    run: int | None = None
    operation: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program came to on a machine, or has to come to.

    Two outcomes are equal when results, verdict and the place where the
    program stopped are. Evidence and findings tell more, and differ each time;
    program has the lines of its text and notes what is to be known of the
    machine, for reports. due is the outcome that it had to have, where the model
    was asked before the program ran: later, memory may hold something else.
    Of a program with blocks several outcomes may be allowed; this one is then what
    comes of the operations of blocks in the order of these indices.
    stopped_at is the index of an operation, the number of operations for the
    exit of the processes, None after an undisturbed run or where the machine
    took the knowledge with it.
    """

    results: tuple[Result, ...]
    verdict: Verdict = Verdict.OK
    stopped_at: int | None = None
    evidence: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    findings: tuple[Finding, ...] = field(default=(), compare=False)
    console: tuple[str, ...] = field(default=(), compare=False)
    program: tuple[str, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    order: tuple[int, ...] = field(default=(), compare=False)
    allowed: int = field(default=1, compare=False)
    due: "Outcome | None" = field(default=None, compare=False, repr=False)

    def without(self, indices: Collection[int]) -> "Outcome":
        """Return the outcome with nothing said of some of its operations."""
        results = tuple(
            NotReached() if index in indices else result
            for index, result in enumerate(self.results)
        )
        return replace(self, results=results)
