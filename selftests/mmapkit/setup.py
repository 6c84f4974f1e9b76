"""From options to a supply of machines: packages, kernel, builds, launcher."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mmapkit import kernel as kernels
from mmapkit import provision
from mmapkit.errors import KernelError, MachineError
from mmapkit.machine import Machine, Machines, image, launcher, local, qemu

#: the repository
ROOT = Path(__file__).resolve().parents[2]

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked for; the names are those of the options."""

    machine: str = "qemu"
    kernel: str | None = None
    disposable: bool = False


def _running_kernel() -> kernels.Kernel:
    return kernels.find(Path("/proc/sys/kernel/osrelease").read_text().strip())


def _kernel(wanted: str | None, report: Report) -> kernels.Kernel:
    """Return the kernel to boot; one that apt has is installed where that is allowed.

    Debian has a package for the newest kernel of a series: linux-image-6.12-amd64.
    """
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

    def __init__(self, start: Callable[[int], Machine], report: Report) -> None:
        self._start = start
        self._report = report
        self._undo = ExitStack()

    def machines(self) -> Machines:
        """Return a supply of its own, for one user."""
        return Machines(self._start, self._report)

    def on_close(self, undo: Callable[[], None]) -> "Supply":
        """Have close() do something; returns itself."""
        self._undo.callback(undo)
        return self

    def close(self) -> None:
        """End what is kept in reserve."""
        self._undo.close()


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
    provision.ensure(ROOT / "bindep.txt", "selftest", report)
    if wanted.machine == "local":
        kernel = _running_kernel()
    else:
        kernel = _kernel(wanted.kernel, report)
    report(f"kernel {kernel.release}")
    modules = kernels.build_modules(kernel, ROOT / "driver")
    agent = image.build_agent(ROOT / "selftests" / "agent")

    if wanted.machine == "local":
        return Supply(partial(local.start, agent, modules, qemu.ARENA), report)

    starts = launcher.Launcher(
        qemu.Config(
            kernels.uncompressed(kernel) or kernel.image,
            image.build_initrd(kernel, agent, modules),
        ),
        launcher.choose_accelerator(Path("/proc/cpuinfo").read_text()),
        results,
        report,
    )
    return Supply(starts.start, report).on_close(starts.close)
