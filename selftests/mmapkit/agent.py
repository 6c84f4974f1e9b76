"""Speaks to an agent: commands and programs out, results back, line by line.

An Agent knows the protocol and nothing of where the agent runs; a Stream is
the way there. Whatever goes wrong on the way is a MachineLost. Question and
answer stay in step only when each answer is read to its end: an exchange that
breaks off, for whatever reason, was the last one.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum

from mmapkit.errors import ControlError, MachineError, MachineLost, ProgramRefused
from mmapkit.program import Program, Ready
from mmapkit.stream import Stream
from mmapkit.text import format_program
from mmapkit.verdict import NotReached, Result, Verdict, parse_result

_PROTOCOL = "2"

#: seconds without a line from an agent that tells twice a second that it lives
SILENCE = 4.0

#: seconds for a command that is one system call: the agent is in it, and silent
COMMAND = 20.0

#: seconds for one program, however much progress it makes
LIMIT = 120.0


class Mode(Enum):
    """In which process a program runs.

    A fresh process is the plain case. Cleaning up and keeping the process is
    several times faster under emulation.
    """

    FRESH = ""
    #: fresh, and each result is told before the next operation starts
    STEP = " step"
    #: in the process of the last program, which cleans up and stays
    KEEP = " keep"
    #: in the process of the last program, which exits with all it has
    LAST = " last"


@dataclass(frozen=True, slots=True)
class Hello:
    """What an agent says of its machine.

    page_size in bytes; fault_ns is the time of a first touch of anonymous
    memory, scale what deadlines are multiplied by because of it.
    """

    release: str
    machine: str
    page_size: int
    cpus: int
    fault_ns: int
    scale: int


@dataclass(frozen=True, slots=True)
class Told:
    """What an agent tells of one run, before anybody thinks about it."""

    results: tuple[Result, ...]
    verdict: Verdict
    stopped_at: int | None
    killable: bool
    taint: int
    evidence: tuple[tuple[str, str], ...]
    log: tuple[str, ...]


class _Answer:
    """What the agent says of a run, line by line."""

    def __init__(self, number: int, count: int) -> None:
        self._number = number
        self._results: list[Result] = [NotReached()] * count
        self._evidence: list[tuple[str, str]] = []
        self._log: list[str] = []
        self._refusal: str | None = None
        self._told: Told | None = None
        self.complete = False

    def take(self, line: str) -> None:
        """Note what a line says; MachineError when it is not of this answer."""
        try:
            self._take(line)
        except (ValueError, IndexError) as err:
            raise MachineError(f'not of run {self._number}: "{line}"') from err

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        key, _, text = rest.partition(" ")
        match word:
            case "result":
                self._results[int(key)] = parse_result(text)
            case "evidence":
                self._evidence.append((key, text))
            case "log":
                self._log.append(text)
            case "verdict":
                self._told = self._judged(rest)
            case "alive":
                pass
            case "error":
                self._refusal = self._refusal or rest
            case "done" if rest == str(self._number) and (self._told or self._refusal):
                self.complete = True
            case _:
                raise ValueError

    def _judged(self, text: str) -> Told:
        verdict, stopped_at, end, taint = text.split()
        return Told(
            tuple(self._results),
            Verdict(verdict),
            None if verdict == "ok" else int(stopped_at),
            end == "killable",
            int(taint),
            tuple(self._evidence),
            tuple(self._log),
        )

    def reached(self) -> dict[int, str]:
        """Return the text of the results so far."""
        return {
            index: str(result)
            for index, result in enumerate(self._results)
            if result != NotReached()
        }

    def told(self) -> Told:
        """Return all of it."""
        if self._told is None or self._refusal is not None:
            raise ProgramRefused(
                f"the agent refused run {self._number}: {self._refusal}"
            )
        return self._told


class Agent:
    """The other end of a Stream."""

    def __init__(self, stream: Stream, *, patience: float, ask: bool = False) -> None:
        """Wait for the agent's greeting, patience seconds at the most.

        ask: it has greeted somebody already, and does so again when asked.
        """
        deadline = time.monotonic() + patience
        if ask:
            stream.write(b"hello\n", deadline)
        self._stream = stream
        self._sockets: set[int] = set()
        self._due: deque[_Answer] = deque()
        self._whole = True
        self.hello = self._read_hello(deadline)

    def _read_hello(self, deadline: float) -> Hello:
        line = self._stream.read_line(deadline)
        try:
            word, version, *rest = line.split()
            if (word, version) != ("hello", _PROTOCOL):
                raise MachineError(f'not an agent of this version: "{line}"')
            told = dict(pair.split("=", 1) for pair in rest)
            return Hello(
                told["release"],
                told["machine"],
                int(told["page"]),
                int(told["cpus"]),
                int(told["fault_ns"]),
                int(told["scale"]),
            )
        except (ValueError, KeyError) as err:
            raise MachineError(f'not the greeting of an agent: "{line}"') from err

    def _deadline(self, seconds: float | None = None) -> float:
        """Return when seconds of patience are over; not given: with silence."""
        patience = SILENCE if seconds is None else seconds
        return time.monotonic() + patience * self.hello.scale

    @property
    def in_step(self) -> bool:
        """True when what is read next answers what is asked next."""
        return self._whole and not self._due

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Ask, or read an answer to its end, in here.

        A timeout of pytest may end it anywhere: what comes next is then the
        rest of an old answer.
        """
        if not self._whole:
            raise MachineError("an answer of the agent was not read to its end")
        self._whole = False
        yield
        self._whole = True

    def _command(self, text: str, pause: float = 0.0) -> str:
        """Return the answer; pause: seconds that the agent is asked to wait."""
        if self._due:
            raise MachineError(f"{text}: programs are under way")
        with self._exchange():
            try:
                self._stream.write(text.encode() + b"\n", self._deadline())
                return self._stream.read_line(self._deadline(COMMAND) + pause)
            except MachineLost as err:
                raise MachineLost(f"{text}: {err}", silent=err.silent) from err

    def let(self, name: str, value: int) -> None:
        """Give a name for file offsets of programs its value, in bytes."""
        answer = self._command(f"let {name} {value:#x}")
        if answer != "ok":
            raise MachineError(f"let {name}: {answer}")

    def let_request(self, request: Ready, message: bytes) -> None:
        """Tell the message of a request that programs name."""
        what = f"let {request.change.value} {request.path}"
        answer = self._command(f"{what} ={message.hex()}")
        if answer != "ok":
            raise MachineError(f"{what}: {answer}")

    def insmod(self, path: str, args: str = "") -> str:
        """Load a module of the machine's; "ok", or the name of an errno."""
        return self._command(f"insmod {path} {args}".rstrip())

    def rmmod(self, name: str) -> str:
        """Unload a module; "ok", or the name of an errno."""
        return self._command(f"rmmod {name}")

    def put(self, path: str, text: str) -> str:
        """Write a word to a file of the machine's; "ok", or the name of an errno."""
        return self._command(f"put {path} {text}")

    def bare(self, loop: str, count: int, path: str, off: int) -> float:
        """Return the seconds that system calls take in a loop of count turns.

        loop: open, mmap, mprotect, pread, or what agent/bare.c has; off in bytes.
        """
        word, _, ns = self._command(f"bare {loop} {count} {off} {path}").partition(" ")
        if word != "ok":
            raise MachineError(f"bare {loop} on {path}: {word}")
        return int(ns) / 1e9

    def foreign(self, words: Sequence[str], seconds: int) -> tuple[str, ...]:
        """Run a test of somebody else that the machine has as a file.

        Returns the lines that it printed; the last one is how it ended: "exited 0",
        "killed SIGBUS", "never" after so many seconds, "unkillable", or an errno.
        What it leaves behind is not looked at: no program is to follow.
        """
        with self._exchange():
            text = f"foreign {seconds} {' '.join(words)}\n"
            self._stream.write(text.encode(), self._deadline())
            told: list[str] = []
            word = "out"
            while word == "out":
                deadline = self._deadline(COMMAND) + seconds
                word, _, line = self._stream.read_line(deadline).partition(" ")
                told.append(line)
            if word != "ended":
                raise MachineError(f'not of a foreign test: "{word} {line}"')
        return tuple(told)

    def netlink(self) -> "Netlink":
        """Open a generic netlink socket."""
        number = next(n for n in itertools.count() if n not in self._sockets)
        socket = Netlink(self._command, number, self._sockets.discard)
        socket.open()
        self._sockets.add(number)
        return socket

    def send(self, number: int, program: Program, mode: Mode) -> None:
        """Have a program run; number is how findings in the log will call it.

        It waits for those that were sent before: receive() once for each.
        """
        text = f"run {number}{mode.value}\n{format_program(program)}go\n"
        with self._exchange():
            self._due.append(_Answer(number, len(program)))
            try:
                self._stream.write(text.encode(), self._deadline())
            except MachineLost:
                # What was sent before may have an answer, or has taken it along.
                self._whole = True
                raise

    def receive(self) -> Told:
        """Return what came of the program that was sent first.

        ProgramRefused: the agent's parser did not take it.
        """
        answer = self._due.popleft()
        limit = self._deadline(LIMIT)
        with self._exchange():
            while not answer.complete:
                try:
                    line = self._stream.read_line(min(limit, self._deadline()))
                except MachineLost as err:
                    err.results = answer.reached()
                    raise
                answer.take(line)
        return answer.told()

    def run(self, number: int, program: Program, mode: Mode) -> Told:
        """Run a program, and return what came of it; as send() and receive()."""
        self.send(number, program, mode)
        return self.receive()

    def close(self) -> None:
        """Hang up; an agent that is a process of its own then ends."""
        self._stream.close()


class Netlink:
    """A generic netlink socket of the machine: datagrams, as they are.

    What the kernel says no to is a ControlError. It carries a request out while
    that is sent: one that never ends is a MachineLost.
    """

    def __init__(
        self,
        command: Callable[[str, float], str],
        number: int,
        free: Callable[[int], None],
    ) -> None:
        """free() gets the number back."""
        self._command = command
        self._number = number
        self._free = free

    def _tell(self, verb: str, words: str = "") -> None:
        answer = self._command(f"nl-{verb} {self._number} {words}".rstrip(), 0.0)
        if answer != "ok":
            raise ControlError(f"netlink socket: {verb}", errno=answer)

    def open(self) -> None:
        self._tell("open")

    def join(self, group: int, *, without: str = "") -> None:
        """Receive what is sent to a multicast group.

        without: a capability that is not in effect when it is asked for.
        """
        self._tell("join", f"{group} {without}")

    def send(self, data: bytes, *, without: str = "") -> None:
        """Send one datagram; without: a capability that is not in effect then."""
        self._tell("send", f"{data.hex()} {without}")

    def receive(self, seconds: float) -> bytes | None:
        """Return one datagram, or None when none comes in time."""
        patience = round(seconds * 1000)
        answer = self._command(f"nl-recv {self._number} {patience}", seconds)
        if answer == "none":
            return None
        word, _, data = answer.partition(" ")
        if word != "ok":
            raise ControlError("netlink socket: recv", errno=word)
        return bytes.fromhex(data)

    def close(self) -> None:
        """Close the socket, if there is still an agent."""
        self._free(self._number)
        with suppress(MachineError):
            self._command(f"nl-close {self._number}", 0.0)
