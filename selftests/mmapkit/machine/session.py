"""A session with an agent: what it tells becomes outcomes, and is judged.

Every machine has one. The session keeps the marks that the kernel had before
(taint, console), so that what is new is told apart from what was there.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mmapkit.agent import Agent, Hello, Mode, Netlink, Told
from mmapkit.console import scan, taints_of_loading
from mmapkit.errors import MachineError, MachineLost
from mmapkit.machine import outcome_of
from mmapkit.program import Program, Ready
from mmapkit.verdict import Outcome, Verdict


class Session:
    """An agent, and how far its kernel is to be trusted.

    runs counts the programs; the number of the last one is what findings in
    the log have in them. said is what the kernel said when a module came or went
    last.
    """

    def __init__(self, agent: Agent) -> None:
        """Listen for what is new from now on."""
        self._agent = agent
        self._sound = True
        self.runs = 0
        self.said: tuple[str, ...] = ()
        self._taint = self._empty_run().taint

    @property
    def hello(self) -> Hello:
        """What the agent said of the machine."""
        return self._agent.hello

    @property
    def usable(self) -> bool:
        """False once there is doubt about the kernel, or about the agent."""
        return self._sound and self._agent.in_step

    def let(self, name: str, value: int) -> None:
        """Give a name for file offsets of programs its value, in bytes."""
        self._agent.let(name, value)

    def let_request(self, request: Ready, message: bytes) -> None:
        """Tell the message of a request that programs name."""
        self._agent.let_request(request, message)

    def insmod(self, path: str, args: str = "") -> str:
        """Load a module file; MachineError when the kernel complains of it."""
        answer = self._agent.insmod(path, args)
        self._look_back(f"insmod {path}")
        return answer

    def rmmod(self, name: str) -> str:
        """Unload a module; MachineError when the kernel complains of it."""
        answer = self._agent.rmmod(name)
        self._look_back(f"rmmod {name}")
        return answer

    def put(self, path: str, text: str) -> str:
        """Write a word to a file; MachineError when the kernel complains of it."""
        answer = self._agent.put(path, text)
        self._look_back(f"put {path} {text}")
        return answer

    def bare(self, loop: str, count: int, path: str, off: int) -> float:
        """Return the seconds of a loop of system calls."""
        return self._agent.bare(loop, count, path, off)

    def foreign(self, words: Sequence[str], seconds: int) -> tuple[str, ...]:
        """Run a test of somebody else; as Agent.foreign()."""
        return self._agent.foreign(words, seconds)

    def netlink(self) -> Netlink:
        """Open a generic netlink socket."""
        return self._agent.netlink()

    def _empty_run(self) -> Told:
        """Have the agent tell what has come since it last did."""
        return self._agent.run(0, Program(()), Mode.FRESH)

    def _look_back(self, act: str) -> None:
        told = self._empty_run()
        self.said = told.log
        found = [finding.title for finding in scan(told.log)]
        found += taints_of_loading(self._taint, told.taint)
        if told.verdict is not Verdict.OK:
            found.append(f"{told.verdict.value} of an empty program")
        if found:
            self._sound = False
            raise MachineError(f"{act}: {'; '.join(found)}")
        self._taint = told.taint

    def send(self, program: Program, mode: Mode) -> None:
        """Have a program run, after those that were sent before; runs is its number.

        MachineLost when nobody listens.
        """
        self.runs += 1
        self._agent.send(self.runs, program, mode)

    def receive(self, number: int) -> Outcome:
        """Return what came of the program that was sent first, by its number.

        MachineLost when the machine ends or goes silent.
        """
        told = self._agent.receive()
        outcome = outcome_of(told, self._taint, number)
        if outcome.verdict is not Verdict.OK:
            self._sound = False
        return outcome

    def run(self, program: Program, mode: Mode) -> Outcome:
        """Run a program, and return what came of it; as send() and receive()."""
        self.send(program, mode)
        return self.receive(self.runs)

    def close(self) -> None:
        """Hang up."""
        self._sound = False
        self._agent.close()


@dataclass(frozen=True, slots=True)
class Sent:
    """A program that is under way.

    number: which it is. console: how many bytes the console had before.
    """

    program: Program
    mode: Mode
    number: int
    console: int
    lost: MachineLost | None = None


class OverSession(ABC):
    """A machine's part that is its session's, whatever the machine is made of."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sent: deque[Sent] = deque()

    @abstractmethod
    def console_size(self) -> int:
        """Return how many bytes the kernel has written to its console."""

    @abstractmethod
    def lose(self, sent: Sent, err: MachineLost) -> Outcome:
        """End the machine, and return what the program comes to that took it along."""

    def send(self, program: Program, mode: Mode = Mode.FRESH) -> None:
        console = self.console_size()
        lost = None
        try:
            self._session.send(program, mode)
        except MachineLost as err:
            lost = err
        self._sent.append(Sent(program, mode, self._session.runs, console, lost))

    def receive(self) -> Outcome:
        sent = self._sent.popleft()
        try:
            if sent.lost:
                raise sent.lost
            return self._session.receive(sent.number)
        except MachineLost as err:
            return self.lose(sent, err)

    def run(self, program: Program, mode: Mode = Mode.FRESH) -> Outcome:
        self.send(program, mode)
        return self.receive()

    @property
    def hello(self) -> Hello:
        return self._session.hello

    @property
    def usable(self) -> bool:
        return self._session.usable

    @property
    def said(self) -> tuple[str, ...]:
        return self._session.said

    def excuse(self, outcome: Outcome) -> str:
        del outcome
        return ""

    def let(self, name: str, value: int) -> None:
        self._session.let(name, value)

    def let_request(self, request: Ready, message: bytes) -> None:
        self._session.let_request(request, message)

    def rmmod(self, name: str) -> str:
        return self._session.rmmod(name)

    def put(self, path: str, text: str) -> str:
        return self._session.put(path, text)

    def bare(self, loop: str, count: int, path: str, off: int) -> float:
        return self._session.bare(loop, count, path, off)

    def foreign(self, words: Sequence[str], seconds: int) -> tuple[str, ...]:
        return self._session.foreign(words, seconds)

    def netlink(self) -> Netlink:
        return self._session.netlink()
