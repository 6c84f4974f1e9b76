"""The control plane of the driver: generic netlink, the family memphys.

Messages are made and read out here; the agent carries them as bytes to a socket
on the machine under test. Documentation/netlink/specs/memphys.yaml is what both
sides go by. Nothing else of mmapkit knows netlink.

family.py is the spec in Python, wire.py makes and reads messages, refusal.py
tells why one was refused, sockets.py asks and waits; client.py and events.py are
for use, with the values of values.py.
"""

from mmapkit.control.client import Control
from mmapkit.control.events import (
    Event,
    Events,
    FaultLoop,
    RegionDel,
    RegionNew,
    RegionRevoked,
)
from mmapkit.control.family import (
    EVENTS,
    FAMILY,
    MESSAGES,
    NAME_MAX,
    VERSION,
    Backing,
    Command,
    EventMessage,
    Lifetime,
    MethodFlag,
    MethodMessage,
    RegionMessage,
)
from mmapkit.control.sockets import families
from mmapkit.control.values import Counters, Method, Region
from mmapkit.control.wire import Value, encode

__all__ = [
    "EVENTS",
    "FAMILY",
    "MESSAGES",
    "NAME_MAX",
    "VERSION",
    "Backing",
    "Command",
    "Control",
    "Counters",
    "Event",
    "EventMessage",
    "Events",
    "FaultLoop",
    "Lifetime",
    "Method",
    "MethodFlag",
    "MethodMessage",
    "Region",
    "RegionDel",
    "RegionMessage",
    "RegionNew",
    "RegionRevoked",
    "Value",
    "encode",
    "families",
]
