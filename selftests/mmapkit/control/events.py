"""Events: what the driver tells of by itself."""

import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from pyroute2.netlink import genlmsg

from mmapkit.control.family import EVENTS, FAMILY, Command, EventMessage
from mmapkit.control.sockets import Socket
from mmapkit.control.wire import Damaged, number_of, reading, text_of, walk_messages
from mmapkit.errors import ControlError
from mmapkit.machine import Machine


@dataclass(frozen=True, slots=True)
class RegionNew:
    """A region was made."""

    name: str


@dataclass(frozen=True, slots=True)
class RegionDel:
    """A region was taken away."""

    name: str


@dataclass(frozen=True, slots=True)
class RegionRevoked:
    """A region was taken away from under its users."""

    name: str


@dataclass(frozen=True, slots=True)
class FaultLoop:
    """A task has faulted at one address so often that it looks like a loop."""

    name: str
    address: int
    pid: int
    count: int


Event = RegionNew | RegionDel | RegionRevoked | FaultLoop


def read_event(message: genlmsg) -> Event:
    """Return the event that a message tells of."""
    name = text_of(message, "name")
    match message["cmd"]:
        case Command.REGION_NEW_NTF:
            return RegionNew(name)
        case Command.REGION_DEL_NTF:
            return RegionDel(name)
        case Command.REGION_REVOKED_NTF:
            return RegionRevoked(name)
        case Command.FAULT_LOOP_NTF:
            return FaultLoop(
                name,
                address=number_of(message, "address"),
                pid=number_of(message, "pid"),
                count=number_of(message, "count"),
            )
    raise Damaged(f"command {message['cmd']}")


class Events:
    """What the driver tells of by itself, from "with" on."""

    def __init__(self, machine: Machine, *, without: str = "") -> None:
        """without: a capability that who listens has not, such as "sys_admin"."""
        self._machine = machine
        self._without = without
        self._socket: Socket | None = None
        self._family = 0
        self._waiting: deque[Event] = deque()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Begin to listen; ControlError, EPERM, for who may not."""
        with ExitStack() as undo:
            undo.callback(self.close)
            self._socket = Socket(self._machine)
            self._family, groups = self._socket.find(FAMILY)
            if EVENTS not in groups:
                raise ControlError(FAMILY, f"no multicast group {EVENTS}")
            self._socket.netlink.join(groups[EVENTS], without=self._without)
            undo.pop_all()

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def next(self, timeout: float) -> Event | None:
        """Return the next event, or None when none comes within timeout seconds.

        ControlError, ENOBUFS: more of them came than the socket could hold.
        """
        if self._socket is None:
            raise ControlError(EVENTS, "nobody listens: use it in a with statement")
        deadline = time.monotonic() + timeout
        while not self._waiting:
            left = max(0.0, deadline - time.monotonic())
            datagram = self._socket.netlink.receive(left)
            if datagram is None:
                return None
            with reading(EVENTS):
                self._waiting += [
                    read_event(message.decode(EventMessage))
                    for message in walk_messages(datagram)
                    if message.tag == self._family
                ]
        return self._waiting.popleft()
