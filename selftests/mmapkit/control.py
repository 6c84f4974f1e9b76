"""The control plane of the driver: generic netlink, the family memphys.

Messages are made and read out here; the agent carries them as bytes to a socket
on the machine under test. Documentation/netlink/specs/memphys.yaml is what both
sides go by. Nothing else of mmapkit knows netlink.
"""

import errno
import itertools
import struct
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, Flag, IntEnum
from typing import Self

from pyroute2.netlink import ctrlmsg, genlmsg, nla, nlmsg

from mmapkit.errors import ControlError
from mmapkit.machine import Machine
from mmapkit.program import Request

FAMILY = "memphys"
VERSION = 1
EVENTS = "events"

#: longest name of a region, in bytes
NAME_MAX = 31

#: seconds for an answer, on a machine that is not slow
PATIENCE = 5.0

# include/uapi/linux/netlink.h, include/uapi/linux/genetlink.h
_NLM_F_REQUEST = 0x1
_NLM_F_ACK = 0x4
_NLM_F_DUMP_INTR = 0x10
_NLM_F_DUMP = 0x300
_NLM_F_CAPPED = 0x100
_NLM_F_ACK_TLVS = 0x200
_NLMSG_NOOP = 1
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLMSG_OVERRUN = 4
_NLA_TYPE_MASK = 0x3FFF
_GENL_ID_CTRL = 0x10
_CTRL_CMD_GETFAMILY = 3

_HEADER = struct.Struct("=IHHII")
_ERROR = struct.Struct("=i")
_ATTRIBUTE = struct.Struct("=HH")

#: bytes of both headers, where the attributes of a message begin
_ATTRIBUTES = _HEADER.size + 4


# ------------------------------------------------------------- the spec


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


class _ExtendedAck(nlmsg):
    """The attributes of an extended ACK; offsets are into the request.

    include/uapi/linux/netlink.h, enum nlmsgerr_attrs; pyroute2 knows half of it.
    """

    nla_map = (
        ("unused", "none"),
        ("msg", "asciiz"),
        ("offs", "uint32"),
        ("cookie", "cdata"),
        ("policy", "cdata"),
        ("miss-type", "uint32"),
        ("miss-nest", "uint32"),
    )


# ------------------------------------------------------------- what it says


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


#: what an attribute may have for a value; a flag has True
Value = int | str

Event = RegionNew | RegionDel | RegionRevoked | FaultLoop


# ------------------------------------------------------------- bytes

# pyroute2 takes damaged messages for what they might have been: whatever comes
# in is looked through first. Bytes of a value, by the name of its type:
_WIDTHS = {"none": None, "cdata": None, "flag": 0}
_WIDTHS |= {"uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8}


class _Damaged(Exception):
    """Bytes that are not a message."""


@dataclass(frozen=True, slots=True)
class _Attribute:
    """An attribute in a message: all of it is data[start:end], in bytes."""

    number: int
    start: int
    end: int

    @property
    def value(self) -> int:
        return self.start + _ATTRIBUTE.size


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _attributes(data: bytes, start: int, end: int) -> Iterator[_Attribute]:
    """Walk the attributes in a part of a message."""
    while start < end:
        if end - start < _ATTRIBUTE.size:
            raise _Damaged(f"{end - start} bytes are left over after attributes")
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if not _ATTRIBUTE.size <= length <= end - start:
            raise _Damaged(f"an attribute of {length} bytes in {end - start}")
        yield _Attribute(kind & _NLA_TYPE_MASK, start, start + length)
        start += _aligned(length)


def _known(kind: type[nlmsg]) -> dict[int, tuple[str, str]]:
    """Return (name, type) of the attributes of a message, by number."""
    return {number: entry[:2] for number, entry in enumerate(kind.nla_map)}


def _check(kind: type[nlmsg], data: bytes, start: int, end: int) -> None:
    """See that each attribute that is known has a value of its type."""
    known = _known(kind)
    for found in _attributes(data, start, end):
        name, type_ = known.get(found.number, ("?", "none"))
        value = data[found.value : found.end]
        if type_ in _WIDTHS:
            if _WIDTHS[type_] not in (None, len(value)):
                raise _Damaged(f"{name} has {len(value)} bytes")
        elif type_ == "asciiz":
            if value.find(b"\0") != len(value) - 1 or not value.isascii():
                raise _Damaged(f"{name} is no string: {value!r}")
        elif type_.startswith("*"):
            for item in _attributes(data, found.value, found.end):
                _check(getattr(kind, type_[1:]), data, item.value, item.end)
        else:
            _check(getattr(kind, type_), data, found.value, found.end)


@dataclass(frozen=True, slots=True)
class _Message:
    """A message as it came: headers taken apart, the rest left alone."""

    tag: int
    flags: int
    sequence: int
    data: bytes

    def code(self) -> int:
        """Return what an error or the end of a dump begins with."""
        if len(self.data) < _HEADER.size + _ERROR.size:
            raise _Damaged("a message that is cut off")
        (code,) = _ERROR.unpack_from(self.data, _HEADER.size)
        return int(code)

    def decode(self, kind: type[nlmsg], start: int = _ATTRIBUTES) -> nlmsg:
        """Return it as a message of pyroute2; attributes begin at start."""
        if len(self.data) < start:
            raise _Damaged("a message that is cut off")
        _check(kind, self.data, start, len(self.data))
        message = kind(self.data)
        message.decode()
        return message


def _messages(datagram: bytes) -> Iterator[_Message]:
    """Take a datagram apart."""
    start = 0
    while start < len(datagram):
        left = len(datagram) - start
        if left < _HEADER.size:
            raise _Damaged(f"{left} bytes are left over after messages")
        length, kind, flags, sequence, _ = _HEADER.unpack_from(datagram, start)
        if not _HEADER.size <= length <= left:
            raise _Damaged(f"a message of {length} bytes in {left}")
        yield _Message(kind, flags, sequence, datagram[start : start + length])
        start += _aligned(length)


def encode(kind: type[genlmsg], attributes: Mapping[str, Value | None]) -> bytes:
    """Return attributes as they go into a message; those that are None do not."""
    types = dict(_known(kind).values())
    message = kind()
    for name, value in attributes.items():
        width = _WIDTHS.get(types[name])
        if value is None:
            continue
        if isinstance(value, int) and width and not 0 <= value < 1 << 8 * width:
            raise ControlError("attributes", f"{value} does not fit", attribute=name)
        message["attrs"].append([name, value])
    message.encode()
    return bytes(message.data[_ATTRIBUTES:])


# ------------------------------------------------------------- refusals


@dataclass(frozen=True, slots=True)
class _Request:
    """A request; what: as people call it; family: its number."""

    what: str
    family: int
    kind: type[genlmsg]
    command: int
    payload: bytes
    dump: bool

    def message(self, number: int) -> bytes:
        """Return it as a message; number: what an answer will carry."""
        flags = _NLM_F_REQUEST | (_NLM_F_DUMP if self.dump else _NLM_F_ACK)
        length = _ATTRIBUTES + len(self.payload)
        head = _HEADER.pack(length, self.family, flags, number, 0)
        return head + bytes((self.command, VERSION, 0, 0)) + self.payload


def _attribute_at(
    kind: type[nlmsg], data: bytes, place: int, start: int, end: int
) -> tuple[str, type[nlmsg]] | None:
    """Return the name of the attribute at a place, and the class of those in it."""
    known = _known(kind)
    for found in _attributes(data, start, end):
        name, type_ = known.get(found.number, (f"number {found.number}", "none"))
        inner = getattr(kind, type_)
        if found.start == place:
            return name, inner
        if found.start < place < found.end and inner.nla_map:
            return _attribute_at(inner, data, place, found.value, found.end)
    return None


def _missing_from(kind: type[nlmsg], data: bytes, nest: int | None, type_: int) -> str:
    """Return the name of an attribute that is not there.

    nest: the place of the attribute that it is not in; None: not in the request.
    """
    if nest is not None:
        outer = _attribute_at(kind, data, nest, _ATTRIBUTES, len(data))
        kind = outer[1] if outer else nla
    return _known(kind).get(type_, (f"number {type_}", ""))[0]


def _refusal(request: _Request, message: _Message, code: int) -> ControlError:
    """Return what an error, or the end of a dump that failed, comes to."""
    name = errno.errorcode.get(-code, f"errno {-code}")
    if not message.flags & _NLM_F_ACK_TLVS:
        return ControlError(request.what, errno=name)

    start = _HEADER.size + _ERROR.size
    if message.tag == _NLMSG_ERROR:
        # The request comes back, or its header only.
        if len(message.data) < start + _HEADER.size:
            raise _Damaged("an error that is cut off")
        capped = message.flags & _NLM_F_CAPPED
        (length,) = struct.unpack_from("=I", message.data, start)
        start += _HEADER.size if capped else _aligned(length)

    # As a message of its own: pyroute2 looks for attributes after the header.
    attributes = message.data[start:]
    head = _HEADER.pack(_HEADER.size + len(attributes), message.tag, 0, 0, 0)
    told = _Message(message.tag, 0, 0, head + attributes)
    extended = told.decode(_ExtendedAck, _HEADER.size)

    sent = request.message(0)
    offset, missing = extended.get_attr("offs"), extended.get_attr("miss-type")
    attribute = None
    if missing is not None:
        nest = extended.get_attr("miss-nest")
        attribute = _missing_from(request.kind, sent, nest, missing)
    elif offset is not None:
        found = _attribute_at(request.kind, sent, offset, _ATTRIBUTES, len(sent))
        attribute = found[0] if found else None
    return ControlError(
        request.what,
        extended.get_attr("msg", ""),
        errno=name,
        attribute=attribute,
        missing=missing is not None,
    )


# ------------------------------------------------------------- talking


class _Socket:
    """A socket of the machine, over which requests are answered."""

    def __init__(self, machine: Machine, without: str = "") -> None:
        self._patience = PATIENCE * machine.hello.scale
        self._without = without
        self._numbers = itertools.count(1)
        self.netlink = machine.netlink()

    def ask(self, request: _Request) -> list[genlmsg]:
        """Return the messages that answer; ControlError when it was refused.

        A dump that something changed under is made again while there is time.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                answers, whole = self._ask_once(request, deadline)
            except _Damaged as err:
                raise ControlError(request.what, f"damaged answer: {err}") from err
            if whole:
                return answers
            if time.monotonic() > deadline:
                raise ControlError(request.what, "what is listed does not keep still")

    def _ask_once(
        self, request: _Request, deadline: float
    ) -> tuple[list[genlmsg], bool]:
        """Return the answer, and whether nothing changed meanwhile."""
        number = next(self._numbers)
        self.netlink.send(request.message(number), without=self._without)
        answers = []
        whole = True
        for message in self._answers(request.what, number, deadline):
            whole = whole and not message.flags & _NLM_F_DUMP_INTR
            if message.tag in (_NLMSG_ERROR, _NLMSG_DONE):
                code = message.code()
                if code < 0:
                    raise _refusal(request, message, code)
                break
            if message.tag != request.family:
                raise _Damaged(f"a message of type {message.tag}")
            answers.append(message.decode(request.kind))
        return answers, whole

    def _answers(self, what: str, number: int, deadline: float) -> Iterator[_Message]:
        """Yield what answers a request, as it comes; the caller sees the end."""
        while True:
            datagram = self.netlink.receive(max(0.0, deadline - time.monotonic()))
            if datagram is None:
                raise ControlError(what, f"no answer in {self._patience:.0f} s")
            for message in _messages(datagram):
                if message.tag == _NLMSG_OVERRUN:
                    raise ControlError(what, "messages were lost")
                # Others are what is left of a request that nobody waited for.
                if message.sequence == number and message.tag != _NLMSG_NOOP:
                    yield message

    def find(self, family: str) -> tuple[int, dict[str, int]]:
        """Return the number of a family, and those of its multicast groups."""
        payload = encode(ctrlmsg, {"CTRL_ATTR_FAMILY_NAME": family})
        what = f"generic netlink family {family}"
        found = self.ask(
            _Request(what, _GENL_ID_CTRL, ctrlmsg, _CTRL_CMD_GETFAMILY, payload, False)
        )
        with _reading(what):
            (message,) = found
            groups = {
                _text(group, "CTRL_ATTR_MCAST_GRP_NAME"): _number(
                    group, "CTRL_ATTR_MCAST_GRP_ID"
                )
                for group in message.get_attr("CTRL_ATTR_MCAST_GROUPS", [])
            }
            return _number(message, "CTRL_ATTR_FAMILY_ID"), groups


def families(machine: Machine) -> dict[str, int]:
    """Return the generic netlink families of a machine, with their numbers."""
    what = "generic netlink families"
    socket = _Socket(machine)
    try:
        found = socket.ask(
            _Request(what, _GENL_ID_CTRL, ctrlmsg, _CTRL_CMD_GETFAMILY, b"", True)
        )
    finally:
        socket.netlink.close()
    with _reading(what):
        return {
            _text(message, "CTRL_ATTR_FAMILY_NAME"): _number(
                message, "CTRL_ATTR_FAMILY_ID"
            )
            for message in found
        }


# ------------------------------------------------------------- reading


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """What cannot be read out of an answer is a ControlError."""
    try:
        yield
    except (_Damaged, ValueError) as err:
        raise ControlError(what, f"damaged answer: {err}") from err


def _number(message: genlmsg, name: str) -> int:
    """Return a number that has to be there."""
    value = message.get_attr(name)
    if value is None:
        raise _Damaged(f"{name} is missing")
    return int(value)


def _text(message: genlmsg, name: str) -> str:
    """Return a string that has to be there."""
    value = message.get_attr(name)
    if value is None:
        raise _Damaged(f"{name} is missing")
    return str(value)


def _backings(mask: int) -> frozenset[Backing]:
    return frozenset(
        Backing(bit) for bit in range(mask.bit_length()) if mask >> bit & 1
    )


def _method(message: genlmsg) -> Method:
    return Method(
        name=_text(message, "name"),
        flags=MethodFlag(_number(message, "flags")),
        backings=_backings(_number(message, "backings")),
        backings_mapping=_backings(_number(message, "backings-mapping")),
    )


def _counters(region: genlmsg) -> Counters:
    message = region.get_attr("counters")
    if message is None:
        raise _Damaged("counters is missing")
    return Counters(
        opens=_number(message, "opens"),
        vmas=_number(message, "vmas"),
        faults=_number(message, "faults"),
        pages=_number(message, "pages"),
        references=message.get_attr("references"),
        repeats=_number(message, "repeats"),
    )


def _region(message: genlmsg) -> Region:
    return Region(
        name=_text(message, "name"),
        backing=Backing(_number(message, "backing")),
        method=_text(message, "method"),
        size=_number(message, "size"),
        lifetime=Lifetime(_number(message, "lifetime")),
        base=message.get_attr("base"),
        counters=_counters(message),
    )


def _event(message: genlmsg) -> Event:
    name = _text(message, "name")
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
                address=_number(message, "address"),
                pid=_number(message, "pid"),
                count=_number(message, "count"),
            )
    raise _Damaged(f"command {message['cmd']}")


# ------------------------------------------------------------- for use


class Control:
    """The control plane on a machine, for as long as the driver stays loaded.

    What is refused is a ControlError that names errno and attribute.
    """

    def __init__(self, machine: Machine, *, without: str = "") -> None:
        """without: a capability that is not in effect, such as "sys_rawio"."""
        self._machine = machine
        self._without = without
        self._socket: _Socket | None = None
        self._family = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; the next request would open another."""
        if self._socket is not None:
            self._socket.netlink.close()
            self._socket = None

    def _ready(self) -> _Socket:
        if self._socket is None:
            self._socket = _Socket(self._machine, self._without)
            self._family, _ = self._socket.find(FAMILY)
        return self._socket

    def exchange(
        self, command: Command, payload: bytes, *, dump: bool = False
    ) -> list[genlmsg]:
        """Send attributes as they are, and return the messages that answer.

        For requests that the methods below would not make.
        """
        socket = self._ready()
        kind = MESSAGES[command]
        return socket.ask(
            _Request(command.spelling, self._family, kind, command, payload, dump)
        )

    def request(
        self, command: Command, *, dump: bool = False, **attributes: Value | None
    ) -> list[genlmsg]:
        """Send attributes by name, whatever sense they make together."""
        payload = encode(MESSAGES[command], attributes)
        return self.exchange(command, payload, dump=dump)

    def program_request(self, command: Command, **attributes: Value | None) -> Request:
        """Return a request as an operation, for while a program has files open.

        The number of the family is in it: good as long as the driver stays loaded.
        """
        self._ready()
        kind = MESSAGES[command]
        payload = encode(kind, attributes)
        return Request(
            _Request(
                command.spelling, self._family, kind, command, payload, False
            ).message(1)
        )

    def methods(self) -> tuple[Method, ...]:
        """Return the methods, also those that other modules have registered."""
        found = self.request(Command.METHOD_GET, dump=True)
        with _reading(Command.METHOD_GET.spelling):
            return tuple(map(_method, found))

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
        with _reading(Command.REGION_GET.spelling):
            (message,) = found
            return _region(message)

    def regions(self) -> tuple[Region, ...]:
        """Return all regions."""
        found = self.request(Command.REGION_GET, dump=True)
        with _reading(Command.REGION_GET.spelling):
            return tuple(map(_region, found))


class Events:
    """What the driver tells of by itself, from "with" on."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._socket: _Socket | None = None
        self._family = 0
        self._waiting: deque[Event] = deque()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Begin to listen."""
        self._socket = _Socket(self._machine)
        self._family, groups = self._socket.find(FAMILY)
        if EVENTS not in groups:
            raise ControlError(FAMILY, f"no multicast group {EVENTS}")
        self._socket.netlink.join(groups[EVENTS])

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            self._socket.netlink.close()
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
            with _reading(EVENTS):
                self._waiting += [
                    _event(message.decode(EventMessage))
                    for message in _messages(datagram)
                    if message.tag == self._family
                ]
        return self._waiting.popleft()
