"""Virtual machines: QEMU, with the agent as its only process.

The machine is thrown away after use. Everything about it that does not change
at run time is data (command.Config).
"""

import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from qemu.qmp import QMPError
from qemu.qmp.legacy import QEMUMonitorProtocol

from mmapkit.agent import Agent
from mmapkit.console import strip_prefix
from mmapkit.errors import MachineError, MachineLost
from mmapkit.machine import image, outcome_of_loss
from mmapkit.machine.command import Config, argv
from mmapkit.machine.session import OverSession, Sent, Session
from mmapkit.stream import Stream
from mmapkit.verdict import Outcome

#: seconds for a silent machine to say where its CPUs are; to one that spins with
#: interrupts off, panic() gives a million turns of udelay() first
LAST_WORDS = 20.0

#: seconds for QEMU to do what its monitor is told
MONITOR = 20.0

#: seconds for a replay, once the machine has booted; a debug kernel takes most
REPLAY = 600.0

#: bytes of RAM that the driver allocates for tests; a page-table's worth on
#: both sides of a 2 MiB boundary
ARENA = 4 << 20

# Nobody waits for what runs on the machine meanwhile.
_AT_ONCE = {"max-bandwidth": 1 << 40, "downtime-limit": 60_000}

# The agent is given cases; its machine ends by a reset, as a kernel without
# ACPI cannot switch off.
_REPLAYING = ("MEMPHYS_END_BY_RESET=1", "--", "replay", "/cases")


class Stage:
    """Of several machines the one that is needed runs, the others stand still.

    Under emulation an idle kernel that looks for trouble takes a seventh of a
    processor. Time stands still with it.
    """

    def __init__(self) -> None:
        self._running: QemuMachine | None = None

    def enter(self, machine: "QemuMachine") -> None:
        """Have a machine run, and no other that has been here."""
        if machine is self._running:
            return
        if self._running is not None:
            self._running.tell_monitor("stop")
            machine.tell_monitor("cont")
        self._running = machine


class QemuMachine(OverSession):
    """A virtual machine; spawn() starts one."""

    def __init__(
        self,
        config: Config,
        number: int,
        console: Path,
        folder: Path,
        process: subprocess.Popen[bytes],
        monitor: QEMUMonitorProtocol,
        session: Session,
        ready: str,
    ) -> None:
        """ready: how it came to be, and how long that took."""
        super().__init__(session)
        self.config = config
        self.console = console
        self._number = number
        self._folder = folder
        self._process = process
        self._monitor = monitor
        self._ready = ready

    @property
    def pid(self) -> int:
        """The process id of QEMU."""
        return self._process.pid

    @property
    def title(self) -> str:
        return (
            f"machine {self._number}: {self.hello.release}, {self.hello.cpus} CPUs, "
            f"{self.config.accelerator}, {self._ready}"
        )

    @property
    def host_files(self) -> dict[str, Path]:
        return {"bar": self._folder / "bar"} if self.config.bar else {}

    def prepare(self) -> None:
        """Load the driver."""
        answer = self.insmod("memphys", f"arena={ARENA}")
        if answer != "ok":
            raise MachineError(f"insmod memphys: {answer}; see {self.console}")

    def insmod(self, name: str, args: str = "") -> str:
        return self._session.insmod(self.module(name), args)

    def module(self, name: str) -> str:
        return f"/modules/{name}.ko"

    def tell_monitor(self, command: str) -> None:
        """Tell QEMU something that takes no argument, if it is still there."""
        with suppress(QMPError, OSError, EOFError):
            self._monitor.cmd(command)

    def excuse(self, outcome: Outcome) -> str:
        """Tell the death that TCG itself is to blame for.

        The kernel patches its own code by way of a breakpoint. With a thread for
        each processor, TCG may run the old code after the patch is done, and
        then the breakpoint is nobody's (poke_int3_handler()). No driver runs into
        one: BUG() and the like are other instructions.
        """
        if self.config.accelerator == "tcg" and any(
            "int3: 0000" in finding.title for finding in outcome.findings
        ):
            return "died of a breakpoint of its own (TCG, code being patched)"
        return ""

    def save(self) -> BinaryIO:
        """Return a file with the machine as it is now; it goes on.

        A copy that goes on from there has its own console and its own BAR. The
        file has no name: it is gone with whoever has it open. MachineError when
        the machine cannot be saved.
        """
        with ExitStack() as undo:
            file = undo.enter_context(tempfile.TemporaryFile())
            try:
                self._monitor.cmd(
                    "migrate-set-capabilities",
                    capabilities=[{"capability": "events", "state": True}],
                )
                self._monitor.cmd("migrate-set-parameters", **_AT_ONCE)
                self._monitor.send_fd_scm(file.fileno())
                self._monitor.cmd("getfd", fdname="saved")
                self._monitor.cmd("migrate", uri="fd:saved")
                self._await_saved()
                self._monitor.cmd("cont")
            except (QMPError, OSError, EOFError, TimeoutError) as err:
                raise MachineError(f"the machine cannot be saved: {err}") from err
            undo.pop_all()
        return file

    def _await_saved(self) -> None:
        status = ""
        while status != "completed":
            event = self._monitor.pull_event(wait=MONITOR) or {}
            if event.get("event") == "MIGRATION":
                status = event["data"]["status"]
            if status == "failed":
                told = self._monitor.cmd("query-migrate")
                raise MachineError(f"the machine cannot be saved: {told}")

    def console_size(self) -> int:
        return self.console.stat().st_size if self.console.is_file() else 0

    def lose(self, sent: Sent, err: MachineLost) -> Outcome:
        self._last_words(err)
        console = self._console_from(sent.console)
        self.close()
        return outcome_of_loss(sent.program, sent.mode, sent.number, err, console)

    def replay(
        self, cases: Iterable[Path], modules: Iterable[str] = ()
    ) -> tuple[str, ...]:
        with tempfile.TemporaryDirectory(prefix="memphys-") as name:
            folder = Path(name)
            loaded = (f"memphys arena={ARENA}", *modules)
            config = replace(
                self.config,
                initrd=image.add_cases(self.config.initrd, cases, loaded, folder),
                append=(*self.config.append, *_REPLAYING),
            )
            console = self.console.with_name("replay.txt")
            told = run_alone(config, self._number, console)
        # The kernel's own lines have a time stamp; there may be a KTAP of its own.
        return tuple(line for line in told if strip_prefix(line) == line)

    def _console_from(self, start: int) -> tuple[str, ...]:
        data = self.console.read_bytes()[start:]
        return tuple(data.decode(errors="replace").splitlines())

    def _last_words(self, err: MachineLost) -> None:
        """Let a machine end that is ending; have one tell that is just silent."""
        with suppress(QMPError, TimeoutError, OSError, subprocess.TimeoutExpired):
            if err.silent:
                self._monitor.settimeout(LAST_WORDS)
                self._monitor.cmd("inject-nmi")
            self._process.wait(timeout=LAST_WORDS)

    def close(self) -> None:
        self._session.close()
        self._process.kill()
        self._process.wait()
        with suppress(QMPError, OSError, EOFError):
            self._monitor.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Starting:
    """A virtual machine that boots, or goes on from where it was saved."""

    config: Config
    number: int
    console: Path
    folder: Path
    words: list[str]
    process: subprocess.Popen[bytes]
    port: socket.socket
    qmp: socket.socket
    since: float
    going_on: bool

    def greet(self, stage: Stage) -> QemuMachine:
        """Wait for the agent; MachineError, with the reason, when none greets."""
        stream = Stream(self.port)
        with ExitStack() as undo:
            undo.callback(self.discard)
            try:
                agent = Agent(stream, patience=self.config.patience, ask=self.going_on)
                seconds = time.monotonic() - self.since
                monitor = QEMUMonitorProtocol(self.qmp)
                undo.callback(monitor.close)
                monitor.connect()
                monitor.settimeout(MONITOR)
                session = Session(agent)
            except (MachineError, QMPError, OSError) as err:
                raise MachineError(
                    f"the machine did not start: {err}; {self._last_lines()}; "
                    f"the command was: {shlex.join(self.words)}"
                ) from err
            undo.pop_all()
        machine = QemuMachine(
            self.config,
            self.number,
            self.console,
            self.folder,
            self.process,
            monitor,
            session,
            f"{'restored' if self.going_on else 'ready'} in {seconds:.1f} s",
        )
        stream.attend = partial(stage.enter, machine)
        return machine

    def _last_lines(self) -> str:
        told = (self.folder / "stderr").read_text(errors="replace").splitlines()
        if self.console.is_file():
            told += self.console.read_text(errors="replace").splitlines()[-3:]
        return " / ".join(told) or "no output"

    def discard(self) -> None:
        """End it before anybody has seen it."""
        self.process.kill()
        self.process.wait()
        self.port.close()
        self.qmp.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def spawn(
    config: Config, number: int, console: Path, saved: BinaryIO | None = None
) -> Starting:
    """Start QEMU, and do not wait for the machine in it.

    saved: what save() has returned for a machine of the same configuration.
    """
    since = time.monotonic()
    with ExitStack() as undo, ExitStack() as far:
        folder = Path(tempfile.mkdtemp(prefix="memphys-"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        bar = folder / "bar"
        bar.touch()
        os.truncate(bar, config.bar)

        port, port_far = map(undo.enter_context, socket.socketpair())
        qmp, qmp_far = map(undo.enter_context, socket.socketpair())
        passed = [far.enter_context(end).fileno() for end in (qmp_far, port_far)]
        if saved is not None:
            # Opened once more: each reads it from its beginning.
            again = Path(f"/proc/self/fd/{saved.fileno()}")
            passed.append(far.enter_context(again.open("rb")).fileno())
        words = argv(config, console, bar, *passed)
        stderr = far.enter_context((folder / "stderr").open("wb"))
        try:
            # QEMU dies with this process, even when this process is killed.
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=passed,
                start_new_session=True,
            )
        except OSError as err:
            raise MachineError(f"setpriv cannot start QEMU: {err}") from err
        undo.pop_all()
    going_on = saved is not None
    return Starting(
        config, number, console, folder, words, process, port, qmp, since, going_on
    )


def run_alone(config: Config, number: int, console: Path) -> tuple[str, ...]:
    """Run a machine that needs nobody, and return what its console has at its end.

    MachineLost when it does not end by itself.
    """
    starting = spawn(config, number, console)
    try:
        starting.process.wait(timeout=config.patience + REPLAY)
    except subprocess.TimeoutExpired as err:
        raise MachineLost(f"the machine does not end; see {console}") from err
    finally:
        starting.discard()
    return tuple(console.read_text(errors="replace").splitlines())
