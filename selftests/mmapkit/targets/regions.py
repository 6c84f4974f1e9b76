"""Every pair of method and backing that the driver offers, each as a region.

The driver is asked which pairs there are, so a method that somebody has just
added is among them. Regions come beside the windows of targets/memphys.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mmapkit.control import (
    Backing,
    Command,
    Control,
    Lifetime,
    Method,
    MethodFlag,
    RegionMessage,
    Value,
    encode,
)
from mmapkit.errors import ControlError
from mmapkit.machine import Machine
from mmapkit.program import Change, Ready
from mmapkit.target import RAM, SLAB, Node, Patterned, Target, Window
from mmapkit.targets.memphys import read_target
from mmapkit.targets.subjects import Subject, methods, node_of, subject_nodes

#: bytes of a region; of one whose method maps what a PMD maps
SIZE = 512 << 10
HUGE_SIZE = 4 << 20
#: of one that programs take away: it is soon made anew
SMALL_SIZE = 64 << 10

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


def _new(target: Target, pair: Pair, name: str, size: int) -> dict[str, Value | None]:
    """Return what the request for the region of a pair says."""
    phys = pair.backing is Backing.PHYS
    return {
        "name": name,
        "backing": pair.backing.value,
        "method": pair.method.name,
        "size": size,
        "lifetime": pair.lifetime.value,
        "base": target.window("arena").base if phys else None,
    }


def make(
    control: Control, target: Target, pair: Pair, name: str, size: int
) -> tuple[Node, Window | None]:
    """Make the region of a pair; a phys one in the arena of the target.

    Returned with the window behind it, if it has memory that nobody else has.
    """
    new = encode(RegionMessage, _new(target, pair, name, size))
    control.exchange(Command.REGION_NEW, new)
    region = control.region(name)
    start = region.base
    if start is None:
        start = _scattered(target, region.path)
    uses = SLAB if pair.backing is Backing.KMALLOC else RAM
    phys = pair.backing is Backing.PHYS
    node = replace(
        node_of(region.path, pair.method),
        start=start,
        size=size,
        owns=pair.lifetime is Lifetime.MAPPING,
        contiguous=pair.backing is not Backing.VMALLOC,
        uses=uses,
        removable=True,
        lent=phys,
    )
    if phys or node.owns:
        return node, None
    return node, Window(name, start, size, Patterned(), True, region.path, uses)


def _scattered(target: Target, path: str) -> int:
    """Return where memory lies that is nowhere; each node has a place of its own."""
    paths = [*(node.path for node in target.nodes), path]
    return _SCATTERED + (paths.index(path) << 40)


def _device(target: Target, node: Node) -> tuple[Node, Window | None]:
    """Return the node of a device whose memory lies nobody knows where."""
    node = replace(node, start=_scattered(target, node.path), size=SIZE)
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


@dataclass(frozen=True, slots=True)
class _Renewal:
    """Makes regions anew; made: what pair each is of, its name and size, by path."""

    machine: Machine
    made: Mapping[str, tuple[Pair, str, int]]

    def __call__(self, target: Target, paths: frozenset[str]) -> Target:
        nodes = {node.path: node for node in target.nodes}
        windows = {window.name: window for window in target.windows}
        with Control(self.machine) as control:
            for path in sorted(paths & self.made.keys()):
                pair, name, size = self.made[path]
                try:
                    control.region_del(name, revoke=True)
                except ControlError as err:
                    if err.errno != "ENOENT":
                        raise
                nodes[path], window = make(control, target, pair, name, size)
                if window is not None:
                    windows[name] = window
        return replace(
            target, nodes=tuple(nodes.values()), windows=tuple(windows.values())
        )


def _requests(
    control: Control, target: Target, made: Mapping[str, tuple[Pair, str, int]]
) -> Iterator[tuple[Ready, bytes]]:
    """Return what can be asked for, with the messages.

    The windows of methods can be asked for, too, and are never taken away.
    """
    for path, (pair, name, size) in made.items():
        attributes = _new(target, pair, name, size)
        yield (
            Ready(Change.MAKE, path),
            control.message(Command.REGION_NEW, **attributes),
        )
    for node in target.nodes:
        name = node.path.rpartition("/")[2]
        for change, revoke in ((Change.DELETE, None), (Change.REVOKE, True)):
            message = control.message(Command.REGION_DEL, name=name, revoke=revoke)
            yield Ready(change, node.path), message


def _read(
    machine: Machine, subjects: Sequence[Subject], size: int, huge_size: int
) -> Target:
    """Return the target with a region for each pair; huge_size: 0 for none."""
    target = read_target(machine)
    made = {}
    with Control(machine) as control:
        for pair in pairs(control, subjects):
            wanted = [(pair.name, size)]
            if huge_size and MethodFlag.HUGE in pair.method.flags:
                wanted.append((f"{pair.name}-large", huge_size))
            for name, length in wanted:
                node, window = make(control, target, pair, name, length)
                target = _and(target, node, window)
                made[node.path] = pair, name, length
        requests = tuple(_requests(control, target, made))
    return replace(target, requests=requests, renew=_Renewal(machine, made))


def read_regions(machine: Machine, subjects: Sequence[Subject] = ()) -> Target:
    """Return the target with a region for each pair, and with the devices.

    MethodFlag.HUGE ones have a second, larger one, whose name ends in "-large".
    """
    target = _read(machine, subjects, SIZE, HUGE_SIZE)
    with Control(machine) as control:
        for node in subject_nodes(control, [s for s in subjects if s.is_device]):
            target = _and(target, *_device(target, node))
    return target


def read_small_regions(machine: Machine, subjects: Sequence[Subject] = ()) -> Target:
    """Return the target with a region of SMALL_SIZE for each pair."""
    return _read(machine, subjects, SMALL_SIZE, 0)
