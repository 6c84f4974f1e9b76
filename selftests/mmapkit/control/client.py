"""Requests to the driver, as methods."""

from typing import Self

from pyroute2.netlink import genlmsg

from mmapkit.control.family import FAMILY, MESSAGES, Backing, Command, Lifetime
from mmapkit.control.sockets import Socket
from mmapkit.control.values import Method, Region, read_method, read_region
from mmapkit.control.wire import Call, Value, encode, reading
from mmapkit.machine import Machine
from mmapkit.program import Request


class Control:
    """The control plane on a machine, for as long as the driver stays loaded.

    What is refused is a ControlError that names errno and attribute.
    """

    def __init__(self, machine: Machine, *, without: str = "") -> None:
        """without: a capability that is not in effect, such as "sys_rawio"."""
        self._machine = machine
        self._without = without
        self._socket: Socket | None = None
        self._family = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; the next request would open another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ready(self) -> Socket:
        if self._socket is None:
            self._socket = Socket(self._machine, self._without)
            self._family, _ = self._socket.find(FAMILY)
        return self._socket

    def _call(self, command: Command, payload: bytes, dump: bool = False) -> Call:
        kind = MESSAGES[command]
        return Call(command.spelling, self._family, kind, command, payload, dump)

    def exchange(
        self, command: Command, payload: bytes, *, dump: bool = False
    ) -> list[genlmsg]:
        """Send attributes as they are, and return the messages that answer.

        For requests that the methods below would not make.
        """
        socket = self._ready()
        return socket.ask(self._call(command, payload, dump))

    def request(
        self, command: Command, *, dump: bool = False, **attributes: Value | None
    ) -> list[genlmsg]:
        """Send attributes by name, whatever sense they make together."""
        payload = encode(MESSAGES[command], attributes)
        return self.exchange(command, payload, dump=dump)

    def program_request(self, command: Command, **attributes: Value | None) -> Request:
        """Return a request as an operation, for while a program has files open."""
        return Request(self.message(command, **attributes))

    def message(self, command: Command, **attributes: Value | None) -> bytes:
        """Return a request as it goes out.

        The number of the family is in it: good as long as the driver stays loaded.
        """
        self._ready()
        payload = encode(MESSAGES[command], attributes)
        return self._call(command, payload).message(1)

    def methods(self) -> tuple[Method, ...]:
        """Return the methods, also those that other modules have registered."""
        found = self.request(Command.METHOD_GET, dump=True)
        with reading(Command.METHOD_GET.spelling):
            return tuple(map(read_method, found))

    def region_new(
        self,
        name: str,
        backing: Backing,
        method: str,
        size: int,
        *,
        lifetime: Lifetime = Lifetime.REGION,
        base: int | None = None,
    ) -> None:
        """Make a region of so many bytes; base: where a phys region begins."""
        self.request(
            Command.REGION_NEW,
            name=name,
            backing=backing.value,
            method=method,
            size=size,
            lifetime=lifetime.value,
            base=base,
        )

    def region_del(self, name: str, *, revoke: bool = False) -> None:
        """Take a region away; revoke: also from those who use it."""
        self.request(Command.REGION_DEL, name=name, revoke=revoke or None)

    def region(self, name: str) -> Region:
        """Return what is known of a region."""
        found = self.request(Command.REGION_GET, name=name)
        with reading(Command.REGION_GET.spelling):
            (message,) = found
            return read_region(message)

    def regions(self) -> tuple[Region, ...]:
        """Return all regions."""
        found = self.request(Command.REGION_GET, dump=True)
        with reading(Command.REGION_GET.spelling):
            return tuple(map(read_region, found))
