"""Virtual machines: QEMU, with the agent as its only process.

The machine is thrown away after use. Everything about it that does not change
at run time is data (Config), and the command line is a pure function of it.
"""

import itertools
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from qemu.qmp import QMPError
from qemu.qmp.legacy import QEMUMonitorProtocol

from mmapkit.agent import Agent, Hello, Mode, Stream
from mmapkit.build import cached, command, copy_sources
from mmapkit.errors import MachineError, MachineLost
from mmapkit.kernel import Kernel, module_bytes, module_chain
from mmapkit.machine import outcome_of, outcome_of_loss
from mmapkit.program import Program
from mmapkit.verdict import Outcome, Verdict

BINARY = "qemu-system-x86_64"

#: seconds from the start of QEMU to the greeting of the agent
BOOT = 60.0

#: PCI slot of the device whose BAR is a file out here
BAR_SLOT = 0x10

#: seconds for a silent machine to say where its CPUs are
LAST_WORDS = 4.0

#: bytes of RAM that the driver allocates for tests; a page-table's worth on
#: both sides of a 2 MiB boundary
ARENA = 4 << 20

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """A virtual machine.

    reserved is RAM that the kernel is told not to use, as (start, size) in
    bytes; bar is the size in bytes of a PCI BAR that is backed by a file.
    """

    kernel: Path
    initrd: Path
    accelerator: str = "tcg"
    memory: int = 512 * _MIB
    cpus: int = 2
    reserved: tuple[int, int] = (256 * _MIB, 2 * _MIB)
    bar: int = 4 * _MIB
    append: tuple[str, ...] = ()


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
)


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
    words += ["-smp", str(config.cpus), "-m", f"{config.memory // _MIB}M"]
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


def choose_accelerator(cpuinfo: str, kvm: Path = Path("/dev/kvm")) -> tuple[str, str]:
    """Return "kvm" or "tcg", and why.

    A /dev/kvm that opens is no proof: on a para-virtual host an ordinary guest
    dies half-way through its boot. A real one shows in the CPU's flags.
    """
    flags = set()
    for line in cpuinfo.splitlines():
        if line.startswith("flags"):
            flags = set(line.split())
            break
    if not flags & {"vmx", "svm"}:
        return "tcg", "no vmx or svm in /proc/cpuinfo"
    if not os.access(kvm, os.R_OK | os.W_OK):
        return "tcg", f"{kvm} cannot be opened"
    return "kvm", f"{kvm} and the CPU's flags"


def build_agent(source: Path) -> Path:
    """Build the agent and return its file."""

    def make(folder: Path) -> None:
        work = folder / "build"
        copy_sources(source, work)
        command(["make", "-C", work, f"-j{os.cpu_count() or 1}"])
        command(["strip", "-o", folder / "agent", work / "agent"])
        shutil.rmtree(work)

    return cached("agent", [source], make) / "agent"


def build_initrd(kernel: Kernel, agent: Path, modules: Path) -> Path:
    """Pack the agent, the modules that its port needs, and the built modules."""
    chain = module_chain(kernel, "virtio_pci", "virtio_console")

    def make(folder: Path) -> None:
        root = folder / "root"
        for name in ("dev", "proc", "sys", "tmp", "modules"):
            (root / name).mkdir(parents=True)
        shutil.copy(agent, root / "init")
        boot = []
        for path in chain:
            name = path.name.split(".")[0] + ".ko"
            (root / "modules" / name).write_bytes(module_bytes(path))
            boot.append(f"/modules/{name}\n")
        (root / "modules" / "boot").write_text("".join(boot))
        for path in modules.glob("*.ko"):
            shutil.copy(path, root / "modules")
        names = [".", *sorted(str(p.relative_to(root)) for p in root.rglob("*"))]
        pack = ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"]
        with (folder / "initrd").open("wb") as out:
            subprocess.run(
                pack, cwd=root, input="\n".join(names).encode(), stdout=out, check=True
            )
        shutil.rmtree(root)

    parts: list[bytes | str | Path] = [agent.read_bytes(), kernel.release]
    for path in [*chain, *sorted(modules.glob("*.ko"))]:
        parts += [path.name, path.read_bytes()]
    return cached("initrd", parts, make) / "initrd"


class QemuMachine:
    """A virtual machine; boot() starts one."""

    def __init__(
        self,
        config: Config,
        number: int,
        console: Path,
        folder: Path,
        process: subprocess.Popen[bytes],
        monitor: QEMUMonitorProtocol,
        agent: Agent,
        boot_seconds: float,
    ) -> None:
        self.config = config
        self.console = console
        self.usable = True
        self._number = number
        self._folder = folder
        self._process = process
        self._monitor = monitor
        self._agent = agent
        self._boot_seconds = boot_seconds
        self._runs = 0
        self._taint = 0

    @property
    def pid(self) -> int:
        """The process id of QEMU."""
        return self._process.pid

    @property
    def hello(self) -> Hello:
        return self._agent.hello

    @property
    def title(self) -> str:
        return (
            f"machine {self._number}: {self.hello.release}, {self.hello.cpus} CPUs, "
            f"{self.config.accelerator}, ready in {self._boot_seconds:.1f} s"
        )

    @property
    def host_files(self) -> dict[str, Path]:
        return {"bar": self._folder / "bar"} if self.config.bar else {}

    def prepare(self) -> None:
        """Load the driver; what it does to the taint is not held against it."""
        answer = self.insmod("memphys", f"arena={ARENA}")
        if answer != "ok":
            raise MachineError(f"insmod memphys: {answer}; see {self.console}")
        told = self._agent.run(0, Program(()), Mode.FRESH)
        self._taint = told.taint

    def let(self, name: str, value: int) -> None:
        self._agent.let(name, value)

    def insmod(self, name: str, args: str = "") -> str:
        answer = self._agent.insmod(f"/modules/{name}.ko", args)
        self._taint = self._agent.run(0, Program(()), Mode.FRESH).taint
        return answer

    def rmmod(self, name: str) -> str:
        return self._agent.rmmod(name)

    def run(self, program: Program, mode: Mode = Mode.FRESH) -> Outcome:
        """Run a program. Whatever happens to the machine is in the outcome."""
        self._runs += 1
        before = len(self.console.read_bytes()) if self.console.is_file() else 0
        try:
            told = self._agent.run(self._runs, program, mode)
        except MachineLost as err:
            self._last_words()
            console = self._console_from(before)
            self.close()
            return outcome_of_loss(program, mode, self._runs, err, console)
        outcome = outcome_of(told, self._taint)
        if outcome.verdict is not Verdict.OK:
            self.usable = False
        return outcome

    def _console_from(self, start: int) -> tuple[str, ...]:
        data = self.console.read_bytes()[start:]
        return tuple(data.decode(errors="replace").splitlines())

    def _last_words(self) -> None:
        """Let a machine end that is ending; have one tell that is just silent."""
        try:
            self._process.wait(timeout=2)
            return
        except subprocess.TimeoutExpired:
            pass
        with suppress(QMPError, TimeoutError, OSError, subprocess.TimeoutExpired):
            self._monitor.settimeout(LAST_WORDS)
            self._monitor.cmd("inject-nmi")
            self._process.wait(timeout=LAST_WORDS)

    def close(self) -> None:
        self.usable = False
        self._agent.close()
        self._process.kill()
        self._process.wait()
        with suppress(QMPError, OSError, EOFError):
            self._monitor.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def boot(config: Config, number: int, console: Path) -> QemuMachine:
    """Start a virtual machine; MachineError when no agent greets in time."""
    started = time.monotonic()
    with ExitStack() as undo:
        folder = Path(tempfile.mkdtemp(prefix="memphys-"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        bar = folder / "bar"
        bar.touch()
        os.truncate(bar, config.bar)

        port, port_far = socket.socketpair()
        qmp, qmp_far = socket.socketpair()
        undo.callback(port.close)
        undo.callback(qmp.close)
        words = argv(config, console, bar, qmp_far.fileno(), port_far.fileno())
        errors = folder / "stderr"
        with errors.open("wb") as stderr, port_far, qmp_far:
            # QEMU dies with this process, even when this process is killed.
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=(qmp_far.fileno(), port_far.fileno()),
                start_new_session=True,
            )
        undo.callback(process.wait)
        undo.callback(process.kill)
        try:
            agent = Agent(Stream(port), patience=BOOT)
        except MachineError as err:
            told = errors.read_text(errors="replace").strip().splitlines()
            if console.is_file():
                told += console.read_text(errors="replace").splitlines()[-3:]
            raise MachineError(
                f"the machine did not start: {err}; "
                f"{' / '.join(told) or 'no output'}; the command was: "
                f"{shlex.join(words)}"
            ) from err
        monitor = QEMUMonitorProtocol(qmp)
        monitor.connect()
        undo.pop_all()
    seconds = time.monotonic() - started
    return QemuMachine(
        config, number, console, folder, process, monitor, agent, seconds
    )


class Launcher:
    """Starts machines of one configuration, by KVM where that works."""

    def __init__(
        self,
        config: Config,
        accelerator: tuple[str, str],
        results: Path,
        report: Callable[[str], None],
    ) -> None:
        """accelerator: its name, and why it was chosen."""
        name, reason = accelerator
        self._config = replace(config, accelerator=name)
        self._results = results
        self._report = report
        self._numbers = itertools.count(1)
        report(f"accelerator {name}: {reason}")

    def start(self, _number: int) -> QemuMachine:
        """Start a machine; its console goes to a file of the results folder."""
        number = next(self._numbers)
        console = self._results / f"machine-{number}.console.log"
        try:
            return boot(self._config, number, console)
        except MachineError as err:
            if self._config.accelerator != "kvm":
                raise
            self._config = replace(self._config, accelerator="tcg")
            self._report(f"accelerator tcg: a guest does not start by KVM: {err}")
            return boot(self._config, number, console)
