"""From options to a supply of machines: packages, kernel, builds, launcher."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmapkit import kernel as kernels
from mmapkit import provision
from mmapkit.errors import MachineError
from mmapkit.machine import Machine, Machines, local, qemu

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


def supply(wanted: Wanted, results: Path, report: Report) -> Callable[[], Machines]:
    """Get everything ready that machines need, and return what makes supplies.

    MmapkitError says what is missing or what to type.
    """
    if wanted.machine == "local" and not wanted.disposable:
        raise MachineError(
            "--machine=local may hang or crash this machine and lose its data: "
            "add --this-machine-is-disposable if that is all right"
        )
    provision.ensure(ROOT / "bindep.txt", "selftest", report)
    if wanted.machine == "local":
        kernel = _running_kernel()
    else:
        kernel = kernels.find(wanted.kernel)
    report(f"kernel {kernel.release}")
    modules = kernels.build_modules(kernel, ROOT / "driver")
    agent = qemu.build_agent(ROOT / "selftests" / "agent")

    if wanted.machine == "local":
        return lambda: Machines(
            lambda number: local.start(agent, modules, qemu.ARENA, number), report
        )

    cpuinfo = Path("/proc/cpuinfo").read_text()
    launcher = qemu.Launcher(
        qemu.Config(
            kernels.uncompressed(kernel) or kernel.image,
            qemu.build_initrd(kernel, agent, modules),
        ),
        qemu.choose_accelerator(cpuinfo),
        results,
        report,
    )
    return lambda: Machines(launcher.start, report)


__all__ = ["ROOT", "Machine", "Wanted", "supply"]
