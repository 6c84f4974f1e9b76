"""Refusals: what an extended ACK says, and about which attribute."""

import errno
import struct

from pyroute2.netlink import nla, nlmsg

from mmapkit.control.wire import (
    BODY,
    ERROR,
    HEADER,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLMSG_ERROR,
    Call,
    Damaged,
    Message,
    aligned,
    known_attributes,
    walk_attributes,
)
from mmapkit.errors import ControlError


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


def refusal(request: Call, message: Message, code: int) -> ControlError:
    """Return what an error, or the end of a dump that failed, comes to."""
    name = errno.errorcode.get(-code, f"errno {-code}")
    if not message.flags & NLM_F_ACK_TLVS:
        return ControlError(request.what, errno=name)

    start = HEADER.size + ERROR.size
    if message.tag == NLMSG_ERROR:
        # The request comes back, or its header only.
        if len(message.data) < start + HEADER.size:
            raise Damaged("an error that is cut off")
        capped = message.flags & NLM_F_CAPPED
        (length,) = struct.unpack_from("=I", message.data, start)
        start += HEADER.size if capped else aligned(length)

    # As a message of its own: pyroute2 looks for attributes after the header.
    attributes = message.data[start:]
    head = HEADER.pack(HEADER.size + len(attributes), message.tag, 0, 0, 0)
    told = Message(message.tag, 0, 0, head + attributes)
    extended = told.decode(_ExtendedAck, HEADER.size)

    sent = request.message(0)
    offset, missing = extended.get_attr("offs"), extended.get_attr("miss-type")
    attribute = None
    if missing is not None:
        nest = extended.get_attr("miss-nest")
        attribute = _missing_from(request.kind, sent, nest, missing)
    elif offset is not None:
        found = _attribute_at(request.kind, sent, offset, BODY, len(sent))
        attribute = found[0] if found else None
    return ControlError(
        request.what,
        extended.get_attr("msg", ""),
        errno=name,
        attribute=attribute,
        missing=missing is not None,
    )


def _attribute_at(
    kind: type[nlmsg], data: bytes, place: int, start: int, end: int
) -> tuple[str, type[nlmsg]] | None:
    """Return the name of the attribute at a place, and the class of those in it."""
    known = known_attributes(kind)
    for found in walk_attributes(data, start, end):
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
        outer = _attribute_at(kind, data, nest, BODY, len(data))
        kind = outer[1] if outer else nla
    return known_attributes(kind).get(type_, (f"number {type_}", ""))[0]
