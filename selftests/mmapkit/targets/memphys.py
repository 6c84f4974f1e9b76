"""The memphys driver as a target.

Everything is read by programs: parameters of the module from sysfs, the rest
of the physical address space from /proc/iomem and the command line, and what
firmware left there through read(2) on a node, which is the kernel's own view.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from mmapkit.errors import TargetError
from mmapkit.files import read_bytes, read_text
from mmapkit.grammar import parse_program
from mmapkit.machine import Machine
from mmapkit.program import (
    ADVICES,
    Fork,
    Mmap,
    Mode,
    Offset,
    Open,
    Program,
    Prot,
    Sharing,
    Store,
)
from mmapkit.target import UNOWNED, Fixed, Node, Patterned, Target, Traits, Window
from mmapkit.verdict import Ok, Verdict

NODES = (
    Node("/dev/memphys/remap", "remap", tracked=True, eager=True),
    Node("/dev/memphys/fault", "fault"),
)

_PARAMETERS = "/sys/module/memphys/parameters"

#: bytes of a firmware window that are read to compare with
_SNAPSHOT = 64 << 10

#: the device whose BAR 2 is a file on the host; machine/qemu.py puts it there
_BAR_DEVICE = "/sys/bus/pci/devices/0000:00:10.0"


@dataclass(frozen=True, slots=True)
class HostFile:
    """Content of memory that is a file outside of the machine."""

    path: Path

    def read(self, offset: int, length: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)


def _physical_bits(machine: Machine) -> int:
    cpuinfo = read_text(machine, "/proc/cpuinfo")
    match = re.search(r"^address sizes\s*: (\d+) bits physical", cpuinfo, re.MULTILINE)
    if not match:
        raise TargetError("/proc/cpuinfo does not tell the size of a physical address")
    return int(match[1])


def _ranges(iomem: str, name: str) -> list[tuple[int, int]]:
    """Return (start, size) of the ranges of a name in /proc/iomem, in bytes."""
    found = re.findall(
        rf"^\s*([0-9a-f]+)-([0-9a-f]+) : {re.escape(name)}$", iomem, re.MULTILINE
    )
    return [(int(a, 16), int(b, 16) + 1 - int(a, 16)) for a, b in found]


def _arena(machine: Machine) -> Window:
    size = int(read_text(machine, f"{_PARAMETERS}/arena"), 0)
    base = int(read_text(machine, f"{_PARAMETERS}/arena_phys"), 0)
    if not size:
        raise TargetError("memphys is loaded without arena=; tests need RAM to write")
    return Window("arena", base, size, Patterned(), writable=True)


def _reserved(machine: Machine) -> list[Window]:
    """RAM that memmap=SIZE$START on the command line keeps from the kernel."""
    cmdline = read_text(machine, "/proc/cmdline")
    match = re.search(r"\bmemmap=(0x[0-9a-f]+)\$(0x[0-9a-f]+)", cmdline)
    if not match:
        return []
    size, base = int(match[1], 16), int(match[2], 16)
    return [Window("reserved", base, size, Patterned(), writable=True, uses=UNOWNED)]


def _snapshot(machine: Machine, name: str, base: int, size: int) -> Window:
    """Return a window with what the kernel reads there now."""
    data = read_bytes(machine, NODES[0].path, base, size)
    return Window(name, base, size, Fixed(data), uses=UNOWNED)


def _tables(rom: Window) -> int | None:
    """Return where the ACPI tables are, in bytes, if the ROM points to them.

    ACPI specification, 5.2.5: the root pointer begins with "RSD PTR " on a
    16-byte boundary, and has the address of the RSDT at offset 16.
    """
    data = rom.content.read(0, rom.size)
    for at in range(0, rom.size, 16):
        if data[at : at + 8] == b"RSD PTR ":
            return int.from_bytes(data[at + 16 : at + 20], "little")
    return None


def _firmware(machine: Machine, iomem: str, page_size: int) -> list[Window]:
    """ROM and tables of the firmware."""
    windows = []
    for base, size in _ranges(iomem, "System ROM")[:1]:
        windows.append(_snapshot(machine, "rom", base, min(size, _SNAPSHOT)))
        if (tables := _tables(windows[0])) is not None:
            start = tables // page_size * page_size
            windows.append(_snapshot(machine, "acpi", start, page_size))
    return windows


def _rodata(machine: Machine, iomem: str) -> list[Window]:
    """Constants of the kernel: RAM that is in use, and that nobody changes."""
    ranges = _ranges(iomem, "Kernel rodata")
    return [_snapshot(machine, "rodata", base, _SNAPSHOT) for base, _ in ranges[:1]]


def _bar(machine: Machine) -> list[Window]:
    """Device memory, which the machine's owner sees as a file."""
    file = machine.host_files.get("bar")
    if file is None:
        return []
    lines = read_text(machine, f"{_BAR_DEVICE}/resource").splitlines()
    start, end, _ = (int(word, 16) for word in lines[2].split())
    size, content = end + 1 - start, HostFile(file)
    window = Window("bar", start, size, content, writable=True, uses=UNOWNED)
    return [window]


def _commit(machine: Machine) -> int:
    """Return what one mapping may promise, in bytes.

    __vm_enough_memory() in mm/util.c: by default, what RAM and swap have in
    all; vm.overcommit_memory=1 lifts that.
    """
    mode = int(read_text(machine, "/proc/sys/vm/overcommit_memory"))
    if mode == 1:
        return 1 << 63
    if mode == 2:
        raise TargetError(
            "vm.overcommit_memory=2 makes mmap fail for reasons outside of the "
            "program: set it to 0"
        )
    meminfo = read_text(machine, "/proc/meminfo")
    sizes = dict(re.findall(r"^(\w+): +(\d+) kB$", meminfo, re.MULTILINE))
    return (int(sizes["MemTotal"]) + int(sizes["SwapTotal"])) << 10


def _version(machine: Machine) -> tuple[int, int]:
    release = machine.hello.release
    found = re.match(r"(\d+)\.(\d+)", release)
    if not found:
        raise TargetError(f"not the release of a kernel: {release}")
    return int(found[1]), int(found[2])


def _tracked_forks(machine: Machine) -> bool:
    """Tell whether fork manages a copied first page; Traits says why it may not.

    The driver under test is not asked: what it does wrong would become right.
    /dev/mem is another driver by the same call of mm. Where it does not let the
    ROM be mapped, the kernel's version has to do: this is a trait of the kernel,
    of no driver, and a distribution that has the change in an older one would
    show here as a difference, not hide one.
    """
    program = Program(
        (
            Open(0, "/dev/mem", Mode.RDONLY),
            Mmap(0, 0, Offset(0xF0000), 4096, Prot.R | Prot.W, Sharing.PRIVATE),
            Store(0, width=1, value=0),
            Fork(1),
        )
    )
    outcome = machine.run(program)
    if outcome.verdict is not Verdict.OK:
        raise TargetError(f"/dev/mem, private and forked: {outcome.verdict.value}")
    *before, forked = outcome.results
    if all(result == Ok() for result in before):
        return forked == Ok()
    return machine.hello.machine != "x86_64" or _version(machine) >= (6, 16)


def _ask(machine: Machine, text: str) -> list[str]:
    """Return the results of a program on memory of nobody."""
    outcome = machine.run(parse_program(text))
    if outcome.verdict is not Verdict.OK:
        raise TargetError(f"a program on anonymous memory: {outcome.verdict.value}")
    return [str(result) for result in outcome.results]


def moves_many(machine: Machine) -> bool:
    """Tell whether mremap() moves two VMAs at once; since 6.17 it does."""
    *_, moved = _ask(
        machine,
        """
        mmap m0 - len=0x2000 prot=rw flags=private
        mprotect m0 len=0x1000 prot=r
        mmap m1 - len=0x2000 prot=none flags=private
        mremap m1 m0 len=0x2000 new=0x2000 flags=maymove,fixed at=m1
        """,
    )
    return moved == "ok"


def advices(machine: Machine) -> frozenset[str]:
    """Return what madvise() knows; some depends on the configuration."""
    asked = "".join(f"madvise m0 {advice}\n" for advice in ADVICES)
    text = f"mmap m0 - len=0x1000 prot=rw flags=private\n{asked}"
    _, *answers = _ask(machine, text)
    return frozenset(
        advice
        for advice, answer in zip(ADVICES, answers, strict=True)
        if answer != "EINVAL"
    )


def _cross_memory(machine: Machine) -> bool:
    """Tell whether the kernel was built with process_vm_readv()."""
    _, read = _ask(
        machine,
        "mmap m0 - len=0x1000 prot=rw flags=private\npeek m0 len=1 via=readv\n",
    )
    return read != "ENOSYS"


def _traits(machine: Machine) -> Traits:
    """Read off what depends on the machine; no mapping of the driver is asked."""
    lines = read_text(machine, "/proc/mounts").splitlines()
    mounts = {fields[1]: fields[3] for fields in map(str.split, lines)}
    folder = max(
        (where for where in mounts if Path(NODES[0].path).is_relative_to(where)),
        key=len,
    )
    flags = re.search(
        r"^flags\s*:(.*)$", read_text(machine, "/proc/cpuinfo"), re.MULTILINE
    )
    return Traits(
        page_size=machine.hello.page_size,
        # execute_only_pkey() in arch/x86/mm/pkeys.c: the kernel uses keys.
        exec_reads="ospke" not in (flags[1].split() if flags else ()),
        noexec="noexec" in mounts[folder].split(","),
        commit=_commit(machine),
        tracked_forks=_tracked_forks(machine),
        # 7a81751fcdeb, "mm: fix THP and huge_fault ...", as far as drivers go.
        huge_faults=_version(machine) >= (6, 6),
        moves_many=moves_many(machine),
        advices=advices(machine),
        cross_memory=_cross_memory(machine),
    )


def read_target(machine: Machine) -> Target:
    """Return the target on a machine that has the driver loaded."""
    arena = _arena(machine)
    traits = _traits(machine)
    windows = [arena, *_reserved(machine)]
    iomem = read_text(machine, "/proc/iomem")
    windows += _firmware(machine, iomem, traits.page_size)
    windows += _rodata(machine, iomem)
    windows += _bar(machine)
    limit = 1 << _physical_bits(machine)
    return Target(NODES, tuple(windows), limit, traits, module="memphys")
