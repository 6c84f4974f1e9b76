"""Messages as bytes: framing, attributes, and what is wrong with them.

pyroute2 takes damaged messages for what they might have been, so whatever comes
in is looked through here before it decodes.
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pyroute2.netlink import genlmsg, nlmsg

from mmapkit.control.family import VERSION
from mmapkit.errors import ControlError

# include/uapi/linux/netlink.h, include/uapi/linux/genetlink.h
NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200
NLMSG_NOOP = 1
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLMSG_OVERRUN = 4
_NLA_TYPE_MASK = 0x3FFF

HEADER = struct.Struct("=IHHII")
ERROR = struct.Struct("=i")
_ATTRIBUTE = struct.Struct("=HH")

#: bytes of both headers, where the attributes of a message begin
BODY = HEADER.size + 4

# Bytes of a value, by the name of its type.
_WIDTHS = {"none": None, "cdata": None, "flag": 0}
_WIDTHS |= {"uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8}

#: what an attribute may have for a value; a flag has True
Value = int | str


class Damaged(Exception):
    """Bytes that are not a message."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute in a message: all of it is data[start:end], in bytes."""

    number: int
    start: int
    end: int

    @property
    def value(self) -> int:
        return self.start + _ATTRIBUTE.size


def aligned(length: int) -> int:
    """Return so many bytes with what fills them up."""
    return (length + 3) & ~3


def walk_attributes(data: bytes, start: int, end: int) -> Iterator[Attribute]:
    """Walk the attributes in a part of a message."""
    while start < end:
        if end - start < _ATTRIBUTE.size:
            raise Damaged(f"{end - start} bytes are left over after attributes")
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if not _ATTRIBUTE.size <= length <= end - start:
            raise Damaged(f"an attribute of {length} bytes in {end - start}")
        yield Attribute(kind & _NLA_TYPE_MASK, start, start + length)
        start += aligned(length)


def known_attributes(kind: type[nlmsg]) -> dict[int, tuple[str, str]]:
    """Return (name, type) of the attributes of a message, by number."""
    return {number: entry[:2] for number, entry in enumerate(kind.nla_map)}


def _check(kind: type[nlmsg], data: bytes, start: int, end: int) -> None:
    """See that each attribute that is known has a value of its type."""
    known = known_attributes(kind)
    for found in walk_attributes(data, start, end):
        name, type_ = known.get(found.number, ("?", "none"))
        value = data[found.value : found.end]
        if type_ in _WIDTHS:
            if _WIDTHS[type_] not in (None, len(value)):
                raise Damaged(f"{name} has {len(value)} bytes")
        elif type_ == "asciiz":
            if value.find(b"\0") != len(value) - 1 or not value.isascii():
                raise Damaged(f"{name} is no string: {value!r}")
        elif type_.startswith("*"):
            for item in walk_attributes(data, found.value, found.end):
                _check(getattr(kind, type_[1:]), data, item.value, item.end)
        else:
            _check(getattr(kind, type_), data, found.value, found.end)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: headers taken apart, the rest left alone."""

    tag: int
    flags: int
    sequence: int
    data: bytes

    def code(self) -> int:
        """Return what an error or the end of a dump begins with."""
        if len(self.data) < HEADER.size + ERROR.size:
            raise Damaged("a message that is cut off")
        (code,) = ERROR.unpack_from(self.data, HEADER.size)
        return int(code)

    def decode(self, kind: type[nlmsg], start: int = BODY) -> nlmsg:
        """Return it as a message of pyroute2; attributes begin at start."""
        if len(self.data) < start:
            raise Damaged("a message that is cut off")
        _check(kind, self.data, start, len(self.data))
        message = kind(self.data)
        message.decode()
        return message


def walk_messages(datagram: bytes) -> Iterator[Message]:
    """Take a datagram apart."""
    start = 0
    while start < len(datagram):
        left = len(datagram) - start
        if left < HEADER.size:
            raise Damaged(f"{left} bytes are left over after messages")
        length, kind, flags, sequence, _ = HEADER.unpack_from(datagram, start)
        if not HEADER.size <= length <= left:
            raise Damaged(f"a message of {length} bytes in {left}")
        yield Message(kind, flags, sequence, datagram[start : start + length])
        start += aligned(length)


def encode(kind: type[genlmsg], attributes: Mapping[str, Value | None]) -> bytes:
    """Return attributes as they go into a message; those that are None do not."""
    types = dict(known_attributes(kind).values())
    message = kind()
    for name, value in attributes.items():
        width = _WIDTHS.get(types[name])
        if value is None:
            continue
        if isinstance(value, int) and width and not 0 <= value < 1 << 8 * width:
            raise ControlError("attributes", f"{value} does not fit", attribute=name)
        message["attrs"].append([name, value])
    message.encode()
    return bytes(message.data[BODY:])


@dataclass(frozen=True, slots=True)
class Call:
    """A request; what: as people call it; family: its number."""

    what: str
    family: int
    kind: type[genlmsg]
    command: int
    payload: bytes
    dump: bool

    def message(self, number: int) -> bytes:
        """Return it as a message; number: what an answer will carry."""
        flags = NLM_F_REQUEST | (NLM_F_DUMP if self.dump else NLM_F_ACK)
        length = BODY + len(self.payload)
        head = HEADER.pack(length, self.family, flags, number, 0)
        return head + bytes((self.command, VERSION, 0, 0)) + self.payload


@contextmanager
def reading(what: str) -> Iterator[None]:
    """What cannot be read out of an answer is a ControlError."""
    try:
        yield
    except (Damaged, ValueError) as err:
        raise ControlError(what, f"damaged answer: {err}") from err


def require(message: genlmsg, name: str) -> None:
    """Refuse a message without an attribute."""
    if message.get_attr(name) is None:
        raise Damaged(f"{name} is missing")


def number_of(message: genlmsg, name: str) -> int:
    """Return a number that has to be there."""
    require(message, name)
    return int(message.get_attr(name))


def text_of(message: genlmsg, name: str) -> str:
    """Return a string that has to be there."""
    require(message, name)
    return str(message.get_attr(name))
