"""Every pair of method and backing that the driver offers, each as a region.

The driver is asked which pairs there are, so a method that somebody has just
added is among them. Regions come beside the windows of targets/memphys.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mmapkit.control import Backing, Control, Lifetime, Method, MethodFlag
from mmapkit.machine import Machine
from mmapkit.target import RAM, SLAB, Node, Patterned, Target, Window
from mmapkit.targets.memphys import read_target
from mmapkit.targets.subjects import Subject, methods, node_of, subject_nodes

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


def pairs(control: Control, subjects: Sequence[Subject] = ()) -> Iterator[Pair]:
    """Return what the driver says that goes together, of the methods in question."""
    for method in methods(control, subjects):
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
        start = _scattered(target)
    uses = SLAB if pair.backing is Backing.KMALLOC else RAM
    node = replace(
        node_of(region.path, pair.method),
        start=start,
        size=size,
        owns=pair.lifetime is Lifetime.MAPPING,
        contiguous=pair.backing is not Backing.VMALLOC,
        uses=uses,
    )
    if phys or node.owns:
        return node, None
    return node, Window(name, start, size, Patterned(), True, region.path, uses)


def _scattered(target: Target) -> int:
    return _SCATTERED + (len(target.nodes) << 40)


def _device(target: Target, node: Node) -> tuple[Node, Window | None]:
    """Return the node of a device whose memory lies nobody knows where."""
    node = replace(node, start=_scattered(target), size=SIZE)
    if node.owns:
        return node, None
    name = node.path.rpartition("/")[2]
    return node, Window(name, node.start, SIZE, Patterned(), True, node.path)


def _and(target: Target, node: Node, window: Window | None) -> Target:
    windows = (window,) if window else ()
    return replace(
        target, nodes=(*target.nodes, node), windows=(*target.windows, *windows)
    )


def read_windows(machine: Machine, subjects: Sequence[Subject] = ()) -> Target:
    """Return the target with the windows of the subjects beside the two."""
    target = read_target(machine)
    with Control(machine) as control:
        for node in subject_nodes(control, [s for s in subjects if s.window]):
            if target.node(node.path) is None:
                target = _and(target, node, None)
    return target


def read_regions(machine: Machine, subjects: Sequence[Subject] = ()) -> Target:
    """Return the target with a region for each pair, and with the devices.

    MethodFlag.HUGE ones have a second, larger one, whose name ends in "-large".
    """
    target = read_target(machine)
    with Control(machine) as control:
        for pair in pairs(control, subjects):
            wanted = [(pair.name, SIZE)]
            if MethodFlag.HUGE in pair.method.flags:
                wanted.append((f"{pair.name}-large", HUGE_SIZE))
            for name, size in wanted:
                target = _and(target, *make(control, target, pair, name, size))
        for node in subject_nodes(control, [s for s in subjects if s.is_device]):
            target = _and(target, *_device(target, node))
    return target
