"""Speaks to an agent: commands and programs out, results back, line by line.

An Agent knows the protocol and nothing of where the agent runs; a Stream is
the way there. Whatever goes wrong on the way is a MachineLost.
"""

import select
import socket
import time
from dataclasses import dataclass
from enum import Enum

from mmapkit.errors import MachineError, MachineLost
from mmapkit.grammar import format_program
from mmapkit.program import Program
from mmapkit.verdict import NotReached, Result, Verdict, parse_result

_PROTOCOL = "1"

#: seconds without a line from an agent that tells twice a second that it lives
SILENCE = 4.0

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


class Stream:
    """Lines over a connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._buffer = bytearray()

    def write(self, data: bytes, deadline: float) -> None:
        """Send all of it before deadline, a time.monotonic()."""
        view = memoryview(data)
        while view:
            self._wait(deadline, write=True)
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                continue
            except OSError as err:
                raise MachineLost(f"the agent does not listen: {err}") from err

    def read_line(self, deadline: float) -> str:
        """Return the next line without its end; MachineLost when none comes."""
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = self._buffer[:end].decode(errors="replace")
                del self._buffer[: end + 1]
                return line
            self._wait(deadline, write=False)
            try:
                data = self._sock.recv(1 << 16)
            except BlockingIOError:
                continue
            except OSError as err:
                raise MachineLost(f"the agent cannot be heard: {err}") from err
            if not data:
                raise MachineLost("the agent is gone")
            self._buffer += data

    def _wait(self, deadline: float, *, write: bool) -> None:
        wanted = [self._sock]
        left = max(0.0, deadline - time.monotonic())
        ready = select.select(
            [] if write else wanted, wanted if write else [], [], left
        )
        if not (ready[0] or ready[1]):
            raise MachineLost("the agent is silent", silent=True)

    def close(self) -> None:
        self._sock.close()


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


class Agent:
    """The other end of a Stream."""

    def __init__(self, stream: Stream, *, patience: float) -> None:
        """Wait for the agent's greeting, patience seconds at the most."""
        self._stream = stream
        self.hello = self._read_hello(time.monotonic() + patience)

    def _read_hello(self, deadline: float) -> Hello:
        line = self._stream.read_line(deadline)
        word, version, *rest = line.split()
        if word != "hello" or version != _PROTOCOL:
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

    def _deadline(self) -> float:
        return time.monotonic() + SILENCE * self.hello.scale

    def _command(self, text: str) -> str:
        self._stream.write(text.encode() + b"\n", self._deadline())
        return self._stream.read_line(self._deadline())

    def let(self, name: str, value: int) -> None:
        """Give a name for file offsets of programs its value, in bytes."""
        answer = self._command(f"let {name} {value:#x}")
        if answer != "ok":
            raise MachineError(f"let {name}: {answer}")

    def insmod(self, path: str, args: str = "") -> str:
        """Load a module of the machine's; "ok", or the name of an errno."""
        return self._command(f"insmod {path} {args}".rstrip())

    def rmmod(self, name: str) -> str:
        """Unload a module; "ok", or the name of an errno."""
        return self._command(f"rmmod {name}")

    def run(self, number: int, program: Program, mode: Mode) -> Told:
        """Run a program; number is how findings in the log will call it."""
        text = f"run {number}{mode.value}\n{format_program(program)}end\n"
        self._stream.write(text.encode(), self._deadline())
        return self._read_run(number, len(program))

    def _read_run(self, number: int, count: int) -> Told:
        results: list[Result] = [NotReached()] * count
        evidence: list[tuple[str, str]] = []
        log: list[str] = []
        ended: list[str] = []
        limit = time.monotonic() + LIMIT * self.hello.scale
        while True:
            try:
                line = self._stream.read_line(min(limit, self._deadline()))
            except MachineLost as err:
                err.results = {
                    index: str(result)
                    for index, result in enumerate(results)
                    if result != NotReached()
                }
                raise
            word, _, rest = line.partition(" ")
            match word:
                case "result":
                    index, _, text = rest.partition(" ")
                    results[int(index)] = parse_result(text)
                case "evidence":
                    key, _, text = rest.partition(" ")
                    evidence.append((key, text))
                case "log":
                    log.append(rest.partition(" ")[2])
                case "verdict":
                    ended = rest.split()
                case "alive":
                    pass
                case "error":
                    raise MachineError(f"the agent refused run {number}: {rest}")
                case "done" if ended and rest == str(number):
                    break
                case _:
                    raise MachineError(f'not of run {number}: "{line}"')
        verdict, stopped_at, killable, taint = ended
        return Told(
            tuple(results),
            Verdict(verdict),
            None if verdict == "ok" else int(stopped_at),
            killable == "killable",
            int(taint),
            tuple(evidence),
            tuple(log),
        )

    def close(self) -> None:
        """Hang up; an agent that is a process of its own then ends."""
        self._stream.close()
