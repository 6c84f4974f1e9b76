"""The family memphys: what the spec defines.

Documentation/netlink/specs/memphys.yaml; selftests/host/ compares the two.
"""

from collections.abc import Mapping
from enum import Enum, Flag, IntEnum

from pyroute2.netlink import genlmsg, nla

FAMILY = "memphys"
VERSION = 1
EVENTS = "events"

#: longest name of a region, in bytes
NAME_MAX = 31


class Backing(Enum):
    """Who allocates the memory of a region."""

    PHYS = 0
    KMALLOC = 1
    PAGES = 2
    VMALLOC = 3


class Lifetime(Enum):
    """How long the memory of a region lives."""

    REGION = 0
    MAPPING = 1


class MethodFlag(Flag):
    """What is true of mappings that a method makes."""

    EAGER = 1
    PAGE = 2
    GUP = 4
    COW_LINEAR = 8
    HUGE = 16
    AROUND = 32


class Command(IntEnum):
    """What a message is about."""

    METHOD_GET = 1
    REGION_NEW = 2
    REGION_DEL = 3
    REGION_GET = 4
    REGION_NEW_NTF = 5
    REGION_DEL_NTF = 6
    REGION_REVOKED_NTF = 7
    FAULT_LOOP_NTF = 8

    @property
    def spelling(self) -> str:
        """The command as the spec calls it."""
        return self.name.lower().replace("_", "-")


class MethodMessage(genlmsg):
    """A message with attributes of the set "method"."""

    nla_map = (
        ("unspec", "none"),
        ("name", "asciiz"),
        ("flags", "uint32"),
        ("backings", "uint32"),
        ("backings-mapping", "uint32"),
    )


class RegionMessage(genlmsg):
    """A message with attributes of the set "region"."""

    nla_map = (
        ("unspec", "none"),
        ("name", "asciiz"),
        ("backing", "uint32"),
        ("method", "asciiz"),
        ("size", "uint64"),
        ("lifetime", "uint32"),
        ("base", "uint64"),
        ("revoke", "flag"),
        ("counters", "counters_nest"),
        ("pad", "none"),
    )

    class counters_nest(nla):  # noqa: N801 -- nla_map finds it by this name
        """The set "counters"."""

        nla_map = (
            ("unspec", "none"),
            ("opens", "uint64"),
            ("vmas", "uint64"),
            ("faults", "uint64"),
            ("pages", "uint64"),
            ("references", "uint64"),
            ("repeats", "uint64"),
            ("pad", "none"),
        )


class EventMessage(genlmsg):
    """A message with attributes of the set "event"."""

    nla_map = (
        ("unspec", "none"),
        ("name", "asciiz"),
        ("address", "uint64"),
        ("pid", "uint32"),
        ("count", "uint32"),
        ("pad", "none"),
    )


MESSAGES: Mapping[Command, type[genlmsg]] = {
    Command.METHOD_GET: MethodMessage,
    Command.REGION_NEW: RegionMessage,
    Command.REGION_DEL: RegionMessage,
    Command.REGION_GET: RegionMessage,
    Command.REGION_NEW_NTF: EventMessage,
    Command.REGION_DEL_NTF: EventMessage,
    Command.REGION_REVOKED_NTF: EventMessage,
    Command.FAULT_LOOP_NTF: EventMessage,
}
