"""This machine: the agent is an ordinary process, the kernel the one that runs.

A kernel that a program has brought into doubt cannot be replaced: the run ends
there.
"""

import os
import socket
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from mmapkit.agent import Agent
from mmapkit.errors import MachineError, MachineLost
from mmapkit.machine import outcome_of_loss
from mmapkit.machine.session import OverSession, Sent, Session
from mmapkit.stream import Stream
from mmapkit.verdict import Outcome

#: seconds until the agent greets
_PATIENCE = 20.0

#: seconds for a replay
_REPLAY = 120.0


def spawn(agent: Path) -> tuple[subprocess.Popen[bytes], Agent]:
    """Start the agent as a process of this machine."""
    near, far = socket.socketpair()
    with far:
        process = subprocess.Popen(
            [agent], stdin=far.fileno(), stdout=far.fileno(), start_new_session=True
        )
    try:
        return process, Agent(Stream(near), patience=_PATIENCE)
    except MachineError:
        process.kill()
        process.wait()
        raise


class LocalMachine(OverSession):
    """The machine that this runs on."""

    def __init__(self, agent: Path, modules: Path | None, arena: int) -> None:
        """modules: the folder with the driver; None when there is none to load."""
        self._file = agent
        self._modules = modules
        self._arena = arena
        self._loaded: list[str] = []
        self._process, self._agent = spawn(agent)
        super().__init__(Session(self._agent))

    @property
    def title(self) -> str:
        return f"this machine: {self.hello.release}, {self.hello.cpus} CPUs"

    @property
    def host_files(self) -> dict[str, Path]:
        return {}

    def prepare(self) -> None:
        """Load the driver."""
        if self._modules is None:
            return
        answer = self.insmod("memphys", f"arena={self._arena}")
        if answer == "EEXIST":
            raise MachineError("memphys is loaded already: rmmod memphys first")
        if answer != "ok":
            raise MachineError(f"insmod memphys: {answer}; dmesg may say why")

    def insmod(self, name: str, args: str = "") -> str:
        answer = self._session.insmod(self.module(name), args)
        if answer == "ok":
            self._loaded.append(name)
        return answer

    def module(self, name: str) -> str:
        if self._modules is None:
            raise MachineError(f"no modules were built, {name} cannot be loaded")
        return str(self._modules / f"{name}.ko")

    def rmmod(self, name: str) -> str:
        answer = super().rmmod(name)
        if answer == "ok" and name in self._loaded:
            self._loaded.remove(name)
        return answer

    def console_size(self) -> int:
        """Return 0: the kernel's log is told by the agent, or not at all."""
        return 0

    def lose(self, sent: Sent, err: MachineLost) -> Outcome:
        self.close()
        return outcome_of_loss(sent.program, sent.mode, sent.number, err, ())

    def replay(
        self, cases: Iterable[Path], modules: Iterable[str] = ()
    ) -> tuple[str, ...]:
        for module in modules:
            name, _, options = module.partition(" ")
            answer = self.insmod(name, options)
            if answer != "ok":
                raise MachineError(f"insmod {name}: {answer}")
        done = subprocess.run(
            [self._file, "replay", *cases],
            capture_output=True,
            text=True,
            check=False,
            timeout=_REPLAY,
        )
        return tuple((done.stdout + done.stderr).splitlines())

    def close(self) -> None:
        """Unload what was loaded, if the kernel is still in its senses.

        MachineError when it complains of that.
        """
        with ExitStack() as undo:
            undo.callback(self._process.wait)
            undo.callback(self._process.kill)
            undo.callback(self._session.close)
            for name in reversed(self._loaded[:]):
                if self.usable:
                    with suppress(MachineLost):
                        self.rmmod(name)


def start(agent: Path, modules: Path, arena: int, number: int) -> LocalMachine:
    """Return this machine; MachineError when it is not fit for it, or any more."""
    if os.geteuid() != 0:
        raise MachineError("--machine=local loads a module: it needs root")
    if number > 1:
        raise MachineError(
            "a program has left this machine's kernel in doubt: reboot it, then go on"
        )
    return LocalMachine(agent, modules, arena)
