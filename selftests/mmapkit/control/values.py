"""What the driver says of its methods and regions, with types."""

from dataclasses import dataclass

from pyroute2.netlink import genlmsg

from mmapkit.control.family import Backing, Lifetime, MethodFlag
from mmapkit.control.wire import number_of, require, text_of


@dataclass(frozen=True, slots=True)
class Method:
    """A way to map memory.

    backings: those that it goes with when memory lives with the region;
    backings_mapping: when each mapping has memory of its own.
    """

    name: str
    flags: MethodFlag
    backings: frozenset[Backing]
    backings_mapping: frozenset[Backing]


def read_method(message: genlmsg) -> Method:
    """Return the method that a message tells of."""
    return Method(
        name=text_of(message, "name"),
        flags=MethodFlag(number_of(message, "flags")),
        backings=_backings(number_of(message, "backings")),
        backings_mapping=_backings(number_of(message, "backings-mapping")),
    )


def _backings(mask: int) -> frozenset[Backing]:
    return frozenset(
        Backing(bit) for bit in range(mask.bit_length()) if mask >> bit & 1
    )


@dataclass(frozen=True, slots=True)
class Counters:
    """What has happened to a region; the spec says what each counts.

    references: None where the pages are not the driver's.
    """

    opens: int
    vmas: int
    faults: int
    pages: int
    references: int | None
    repeats: int


def _counters(region: genlmsg) -> Counters:
    require(region, "counters")
    message = region.get_attr("counters")
    return Counters(
        opens=number_of(message, "opens"),
        vmas=number_of(message, "vmas"),
        faults=number_of(message, "faults"),
        pages=number_of(message, "pages"),
        references=message.get_attr("references"),
        repeats=number_of(message, "repeats"),
    )


@dataclass(frozen=True, slots=True)
class Region:
    """A region: /dev/memphys/NAME.

    size and base in bytes; base is a physical address, None where memory is
    scattered, or not allocated yet.
    """

    name: str
    backing: Backing
    method: str
    size: int
    lifetime: Lifetime
    base: int | None
    counters: Counters

    @property
    def path(self) -> str:
        """Its node."""
        return f"/dev/memphys/{self.name}"


def read_region(message: genlmsg) -> Region:
    """Return the region that a message tells of."""
    return Region(
        name=text_of(message, "name"),
        backing=Backing(number_of(message, "backing")),
        method=text_of(message, "method"),
        size=number_of(message, "size"),
        lifetime=Lifetime(number_of(message, "lifetime")),
        base=message.get_attr("base"),
        counters=_counters(message),
    )
