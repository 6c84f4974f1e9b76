"""Virtual machines: QEMU, with the agent as its only process.

The machine is thrown away after use. Everything about it that does not change
at run time is data (Config), and the command line is a pure function of it.
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

from qemu.qmp import QMPError
from qemu.qmp.legacy import QEMUMonitorProtocol

from mmapkit.agent import Agent
from mmapkit.console import strip_prefix
from mmapkit.errors import MachineError, MachineLost
from mmapkit.machine import image, outcome_of_loss
from mmapkit.machine.session import OverSession, Sent, Session
from mmapkit.stream import Stream
from mmapkit.verdict import Outcome

BINARY = "qemu-system-x86_64"

#: seconds from the start of QEMU to the greeting of the agent
BOOT = 120.0

#: PCI slot of the device whose BAR is a file out here
BAR_SLOT = 0x10

#: seconds for a silent machine to say where its CPUs are
LAST_WORDS = 3.0

#: seconds for QEMU to do what its monitor is told
MONITOR = 20.0

#: seconds for a replay, once the machine has booted; a debug kernel takes most
REPLAY = 600.0

#: bytes of RAM that the driver allocates for tests; a page-table's worth on
#: both sides of a 2 MiB boundary
ARENA = 4 << 20

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """A virtual machine.

    reserved is RAM that the kernel is told not to use, as (start, size) in
    bytes; bar is the size in bytes of a PCI BAR that is backed by a file;
    patience is the number of seconds until the agent has to have greeted.
    """

    kernel: Path
    initrd: Path
    accelerator: str = "tcg"
    memory: int = 512 * _MIB
    cpus: int = 2
    reserved: tuple[int, int] = (256 * _MIB, 2 * _MIB)
    bar: int = 4 * _MIB
    append: tuple[str, ...] = ()
    patience: float = BOOT


# The detectors of the kernel come before the agent's and the kit's silence
# timer, or not at all: under emulation a stall of seconds means nothing.
_APPEND = (
    "console=ttyS0",
    "ignore_loglevel",
    "printk.time=1",
    "log_buf_len=4M",
    # The end of the machine is the report: no second oops, no reboot.
    "oops=panic",
    "panic=-1",
    # What inject-nmi is for: every CPU tells where it is.
    "unknown_nmi_panic=1",
    "rcupdate.rcu_cpu_stall_timeout=60",
    "watchdog_thresh=30",
    # Half a second of a boot that takes three; nothing of it stays.
    "cryptomgr.notests",
    "rcupdate.rcu_expedited=1",
    "rcupdate.rcu_normal_after_boot=1",
    # Tests inside of the kernel run when their module is loaded, whatever the
    # configuration says.
    "kunit.enable=1",
    "kunit.autorun=1",
    # The one security module that the driver asks.
    "lsm=lockdown",
)


# The agent is given cases; its machine ends by a reset, as a kernel without
# ACPI cannot switch off.
_REPLAYING = ("MEMPHYS_END_BY_RESET=1", "--", "replay", "/cases")


def command_line(config: Config) -> str:
    """Return the command line of the kernel."""
    start, size = config.reserved
    reserved = (f"memmap={size:#x}${start:#x}",) if size else ()
    return " ".join((*_APPEND, *reserved, *config.append))


def argv(
    config: Config, console: Path, bar: Path, qmp_fd: int, port_fd: int
) -> list[str]:
    """Return the words that start QEMU."""
    cpu = "host" if config.accelerator == "kvm" else "qemu64,+pdpe1gb"
    accelerator = "kvm" if config.accelerator == "kvm" else "tcg,thread=multi"
    words = [BINARY, "-nodefaults", "-no-user-config", "-display", "none"]
    words += ["-machine", "q35", "-accel", accelerator, "-cpu", cpu]
    # A socket each: the firmware's table for a kernel without ACPI has no cores.
    words += ["-smp", f"{config.cpus},sockets={config.cpus}"]
    words += ["-m", f"{config.memory // _MIB}M"]
    words += ["-kernel", str(config.kernel), "-initrd", str(config.initrd)]
    words += ["-append", command_line(config)]
    # A guest that resets has panicked: let it end.
    words += ["-no-reboot", "-serial", f"file:{console}"]
    words += ["-chardev", f"socket,id=qmp,fd={qmp_fd}"]
    words += ["-mon", "chardev=qmp,mode=control"]
    words += ["-device", "virtio-serial-pci,max_ports=2"]
    words += ["-chardev", f"socket,id=agent,fd={port_fd}"]
    words += ["-device", "virtserialport,chardev=agent,name=memphys.agent"]
    if config.bar:
        memory = f"memory-backend-file,id=bar,share=on,mem-path={bar},size={config.bar}"
        words += ["-object", memory]
        words += ["-device", f"ivshmem-plain,memdev=bar,addr={BAR_SLOT:#x}"]
    return words


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
        boot_seconds: float | None,
    ) -> None:
        """boot_seconds: None when nobody looked at the clock."""
        super().__init__(session)
        self.config = config
        self.console = console
        self._number = number
        self._folder = folder
        self._process = process
        self._monitor = monitor
        self._boot_seconds = boot_seconds

    @property
    def pid(self) -> int:
        """The process id of QEMU."""
        return self._process.pid

    @property
    def title(self) -> str:
        seconds = self._boot_seconds
        ready = "was in reserve" if seconds is None else f"ready in {seconds:.1f} s"
        return (
            f"machine {self._number}: {self.hello.release}, {self.hello.cpus} CPUs, "
            f"{self.config.accelerator}, {ready}"
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
    """A virtual machine that boots by itself, until somebody asks for it."""

    config: Config
    number: int
    console: Path
    folder: Path
    words: list[str]
    process: subprocess.Popen[bytes]
    port: socket.socket
    qmp: socket.socket
    since: float

    def greet(self, stage: Stage, *, reserve: bool = False) -> QemuMachine:
        """Wait for the agent; MachineError, with the reason, when none greets.

        reserve: it has been booting for longer than anybody has waited for it.
        """
        stream = Stream(self.port)
        with ExitStack() as undo:
            undo.callback(self.discard)
            try:
                agent = Agent(stream, patience=self.config.patience)
                seconds = None if reserve else time.monotonic() - self.since
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
            seconds,
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


def spawn(config: Config, number: int, console: Path) -> Starting:
    """Start QEMU, and do not wait for the machine in it."""
    since = time.monotonic()
    with ExitStack() as undo:
        folder = Path(tempfile.mkdtemp(prefix="memphys-"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        bar = folder / "bar"
        bar.touch()
        os.truncate(bar, config.bar)

        port, port_far = map(undo.enter_context, socket.socketpair())
        qmp, qmp_far = map(undo.enter_context, socket.socketpair())
        words = argv(config, console, bar, qmp_far.fileno(), port_far.fileno())
        with (folder / "stderr").open("wb") as stderr, port_far, qmp_far:
            try:
                # QEMU dies with this process, even when this process is killed.
                process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", "--", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    pass_fds=(qmp_far.fileno(), port_far.fileno()),
                    start_new_session=True,
                )
            except OSError as err:
                raise MachineError(f"setpriv cannot start QEMU: {err}") from err
        undo.pop_all()
    return Starting(config, number, console, folder, words, process, port, qmp, since)


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
