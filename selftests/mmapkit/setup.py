"""From options to a supply of machines: packages, kernel, builds, launcher."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mmapkit import coverage, debug_kernel, installed, leaks, provision
from mmapkit import kernel as kernels
from mmapkit.account import Account
from mmapkit.build import cache_dir, locked
from mmapkit.errors import KernelError, MachineError
from mmapkit.machine import Machine, Machines, image, launcher, local, qemu
from mmapkit.machine.command import Config
from mmapkit.verdict import Finding

#: the folder of the suite, and the repository that it is in
SUITE = Path(__file__).resolve().parents[1]
ROOT = SUITE.parent

#: what --kernel calls the kernel that looks for trouble, and what it is made of
DEBUG = "debug"
DEBUG_CONFIG = tuple(SUITE / name for name in ("config", "config.debug"))

#: lines of the driver that no test reaches, each with its reason
UNREACHED = SUITE / "unreached.toml"

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked for; the names are those of the options."""

    machine: str = "qemu"
    kernel: str | None = None
    disposable: bool = False
    coverage: bool = False


def _running_release() -> str:
    return Path("/proc/sys/kernel/osrelease").read_text().strip()


def _running_kernel() -> kernels.Kernel:
    return kernels.find(_running_release())


def _kernel(wanted: str | None, report: Report) -> kernels.Kernel:
    """Return the kernel to boot; one that apt has is installed where that is allowed.

    Debian has a package for the newest kernel of a series: linux-image-6.12-amd64.
    """
    if wanted == DEBUG:
        provision.ensure(ROOT / "bindep.txt", "debug", report)
        return debug_kernel.build(DEBUG_CONFIG, report)
    try:
        return kernels.find(wanted)
    except KernelError:
        if wanted is None or not re.fullmatch(r"\d+\.\d+", wanted):
            raise
    packages = [f"linux-{kind}-{wanted}-amd64" for kind in ("headers", "image")]
    provision.install(packages, report)
    return kernels.find(wanted)


class Supply:
    """Makes supplies of machines of one kind."""

    def __init__(
        self,
        start: Callable[[int], Machine],
        report: Report,
        endings: "Endings | None" = None,
    ) -> None:
        self._start = start
        self._report = report
        self._endings = endings
        self._undo = ExitStack()

    def machines(self) -> Machines:
        """Return a supply of its own, for one user."""
        if self._endings is None:
            return Machines(self._start, self._report)
        return Machines(self._start, self._report, self._endings.farewell)

    def settle(self, account: Account) -> None:
        """Put what the machines that have ended leave behind into an account."""
        if self._endings is not None:
            self._endings.settle(account)

    def on_close(self, undo: Callable[[], None]) -> "Supply":
        """Have close() do something; returns itself."""
        self._undo.callback(undo)
        return self

    def close(self) -> None:
        """Forget what was kept for machines to come."""
        self._undo.close()


class Endings:
    """What is asked of machines before they end."""

    def __init__(
        self, kernel: kernels.Kernel, modules: Path, results: Path, counts: bool
    ) -> None:
        """counts: the modules count which of their lines run."""
        self._leaks = kernel.option("DEBUG_KMEMLEAK") == "y"
        self._modules = modules
        self._results = results
        self._folders: list[Path] = []
        self._counts = counts

    def farewell(self, machine: Machine) -> tuple[Finding, ...]:
        """Return what a machine has kept to itself until now."""
        found = leaks.check(machine) if self._leaks else ()
        if self._counts:
            # Their last lines are those that run when they go.
            for name in ("memphys_faulty", "memphys"):
                machine.rmmod(name)
            folder = self._results / "coverage" / str(len(self._folders) + 1)
            coverage.fetch(machine, self._modules, folder)
            self._folders.append(folder)
        return found

    def settle(self, account: Account) -> None:
        """Put the folders with counts into an account."""
        if self._folders:
            account.modules = self._modules
            account.counts += self._folders


def coverage_lines(account: Account, results: Path) -> list[str]:
    """Return the table of the coverage; what did not run goes into a file."""
    if account.modules is None:
        return []
    told, listing = coverage.report(account.modules, account.counts, UNREACHED)
    file = results / "coverage.txt"
    file.write_text("\n".join([*told, "", *listing]) + "\n")
    return [*told, f"lines that did not run: {file}"]


def supply(wanted: Wanted, results: Path, report: Report) -> Supply:
    """Get everything ready that machines need, and return what supplies them.

    MmapkitError says what is missing or what to type.
    """
    if wanted.machine == "local" and not wanted.disposable:
        raise MachineError(
            "--machine=local may hang or crash this machine and lose its data: "
            "add --this-machine-is-disposable if that is all right"
        )
    results.mkdir(parents=True, exist_ok=True)
    cache_dir().mkdir(parents=True, exist_ok=True)
    if wanted.machine == "local" and (file := installed.agent(SUITE)):
        found = installed.modules(_running_release())
        return Supply(partial(local.start, file, found, qemu.ARENA), report)
    # Of several processes one installs and builds what is missing for all.
    with locked(cache_dir() / "setup.lock"):
        provision.ensure(ROOT / "bindep.txt", "selftest", report)
        if wanted.machine == "local":
            kernel = _running_kernel()
        else:
            kernel = _kernel(wanted.kernel, report)
    report(f"kernel {kernel.release}")
    counts = wanted.coverage
    modules = kernels.build_modules(kernel, ROOT / "driver", coverage=counts)
    agent = image.build_agent(SUITE / "agent")

    endings = Endings(kernel, modules, results, counts)

    if wanted.machine == "local":
        return Supply(partial(local.start, agent, modules, qemu.ARENA), report, endings)

    machine = Config(
        kernels.uncompressed(kernel) or kernel.image,
        image.build_initrd(kernel, agent, modules),
    )
    if kernel.option("KASAN") == "y":
        machine = replace(
            machine,
            # An eighth is KASAN's own, and each allocation is kept for a while.
            memory=2 * machine.memory,
            patience=180.0,
            # Where slabs are checked they have no sheaves: those keep pointers
            # to what was taken out of them, for which kmemleak finds no leak.
            append=("slab_debug=F",),
        )
    starts = launcher.Launcher(
        machine,
        launcher.choose_accelerator(Path("/proc/cpuinfo").read_text()),
        results,
        report,
    )
    return Supply(starts.start, report, endings).on_close(starts.close)
