"""Every pair of method and backing that the driver offers, each as a region.

The driver is asked which pairs there are, so a method that somebody has just
added is among them. Regions come beside the windows of targets/memphys.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mmapkit.control import Backing, Control, Lifetime, Method, MethodFlag
from mmapkit.machine import Machine
from mmapkit.target import RAM, SLAB, Node, Patterned, Target, Window
from mmapkit.targets.memphys import read_target

#: bytes of a region; of one whose method maps what a PMD maps
SIZE = 512 << 10
HUGE_SIZE = 4 << 20

#: where scattered memory is put in the target: it has no physical address
_SCATTERED = 1 << 60


@dataclass(frozen=True, slots=True)
class Pair:
    """A method, a backing, and with whom the memory lives."""

    method: Method
    backing: Backing
    lifetime: Lifetime = Lifetime.REGION

    @property
    def name(self) -> str:
        own = "-own" if self.lifetime is Lifetime.MAPPING else ""
        return f"{self.method.name}-{self.backing.name.lower()}{own}"


def pairs(control: Control) -> Iterator[Pair]:
    """Return what the driver says that goes together."""
    for method in control.methods():
        for lifetime, backings in (
            (Lifetime.REGION, method.backings),
            (Lifetime.MAPPING, method.backings_mapping),
        ):
            for backing in sorted(backings, key=lambda backing: backing.value):
                yield Pair(method, backing, lifetime)


def make(
    control: Control, target: Target, pair: Pair, name: str, size: int
) -> tuple[Node, Window | None]:
    """Make the region of a pair; a phys one in the arena of the target.

    Returned with the window behind it, if it has memory that nobody else has.
    """
    arena = target.window("arena")
    phys = pair.backing is Backing.PHYS
    control.region_new(
        name,
        pair.backing,
        pair.method.name,
        size,
        lifetime=pair.lifetime,
        base=arena.base if phys else None,
    )
    region = control.region(name)
    start = region.base
    if start is None:
        start = _SCATTERED + (len(target.nodes) << 40)
    uses = SLAB if pair.backing is Backing.KMALLOC else RAM
    node = Node(
        region.path,
        pair.method.name,
        tracked=MethodFlag.COW_LINEAR in pair.method.flags,
        start=start,
        size=size,
        owns=pair.lifetime is Lifetime.MAPPING,
        eager=MethodFlag.EAGER in pair.method.flags,
        pages=MethodFlag.PAGE in pair.method.flags,
        around=bool(pair.method.flags & (MethodFlag.AROUND | MethodFlag.HUGE)),
        contiguous=pair.backing is not Backing.VMALLOC,
        uses=uses,
    )
    if phys or node.owns:
        return node, None
    return node, Window(name, start, size, Patterned(), True, region.path, uses)


def read_regions(machine: Machine) -> Target:
    """Return the target with a region for each pair the driver offers.

    MethodFlag.HUGE ones have a second, larger one, whose name ends in "-large".
    """
    target = read_target(machine)
    with Control(machine) as control:
        for pair in pairs(control):
            wanted = [(pair.name, SIZE)]
            if MethodFlag.HUGE in pair.method.flags:
                wanted.append((f"{pair.name}-large", HUGE_SIZE))
            for name, size in wanted:
                node, window = make(control, target, pair, name, size)
                windows = target.windows + ((window,) if window else ())
                target = replace(target, nodes=(*target.nodes, node), windows=windows)
    return target
