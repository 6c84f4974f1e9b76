"""A kernel that is played with hand-made datagrams, for tests of the control plane."""

import struct

import pytest

from mmapkit.control import Control
from mmapkit.errors import ControlError

CTRL, FAMILY, GROUP = 16, 0x21, 7
ERROR, DONE = 2, 3
MULTI, INTERRUPTED, CAPPED, TLVS = 0x2, 0x10, 0x100, 0x200
NESTED = 0x8000


def padded(data):
    return data + bytes(-len(data) % 4)


def message(tag, sequence, body, flags=0):
    return padded(struct.pack("=IHHII", 16 + len(body), tag, flags, sequence, 9) + body)


def attribute(number, value):
    return padded(struct.pack("=HH", 4 + len(value), number) + value)


def text(number, value):
    return attribute(number, value.encode() + b"\0")


def u16(number, value):
    return attribute(number, struct.pack("=H", value))


def u32(number, value):
    return attribute(number, struct.pack("=I", value))


def u64(number, value):
    return attribute(number, struct.pack("=Q", value))


def genl(command, *attributes):
    return bytes((command, 1, 0, 0)) + b"".join(attributes)


def ack(sequence):
    return message(
        ERROR, sequence, struct.pack("=iIHHII", 0, 36, FAMILY, 5, 1, 0), CAPPED
    )


def refusal(sequence, code, *attributes, request=None):
    """An extended ACK; with the whole request if there is one."""
    head = struct.pack("=iIHHII", -code, 36, FAMILY, 5, sequence, 0)
    flags = CAPPED | TLVS
    if request is not None:
        head, flags = struct.pack("=i", -code) + padded(request), TLVS
    return message(ERROR, sequence, head + b"".join(attributes), flags)


def done(sequence, code=0, *attributes):
    flags = MULTI | (TLVS if attributes else 0)
    body = struct.pack("=i", -code) + b"".join(attributes)
    return message(DONE, sequence, body, flags)


def found_family(sequence):
    group = text(1, "events") + u32(2, GROUP)
    body = genl(1, text(2, "memphys"), u16(1, FAMILY), u32(3, 1))
    body += attribute(7 | NESTED, attribute(1 | NESTED, group))
    return [message(CTRL, sequence, body), ack(sequence)]


class Kernel:
    """A machine, and what plays the kernel on it.

    answers: what the next requests get, each a function of the number of the
    request that returns datagrams; events: datagrams that just come.
    """

    hello = type("Hello", (), {"scale": 1})

    def __init__(self, *answers, events=()):
        self.answers = list(answers)
        self.events = list(events)
        self.sent = []
        self.without = []
        self.groups = []
        self.open = 0
        self._waiting = []

    def netlink(self):
        self.open += 1
        return self

    def send(self, data, *, without=""):
        self.without.append(without)
        length, tag, _, sequence, _ = struct.unpack_from("=IHHII", data)
        assert length == len(data)
        if tag == CTRL:
            self._waiting += found_family(sequence)
        else:
            self.sent.append(data)
            self._waiting += self.answers.pop(0)(sequence)

    def receive(self, seconds):
        if self._waiting:
            return self._waiting.pop(0)
        return self.events.pop(0) if self.events and self.groups else None

    def join(self, group, *, without=""):
        if without:
            raise ControlError("netlink socket: join", errno="EPERM")
        self.groups.append(group)

    def close(self):
        self.open -= 1


def answer(*datagrams):
    """Give datagrams that do not depend on the request but for its number."""
    return lambda sequence: [make(sequence) for make in datagrams]


def refused(*answers, ask=lambda control: control.region("r0")):
    with pytest.raises(ControlError) as caught:
        ask(Control(Kernel(*answers)))
    return caught.value


def method(sequence, name, flags, backings, mapping, more=0):
    body = genl(1, text(1, name), u32(2, flags), u32(3, backings), u32(4, mapping))
    return message(FAMILY, sequence, body, MULTI | more)


# References are absent; the pad is what nla_put_u64_64bit() puts in.
COUNTERS = (u64(1, 1), attribute(7, b""), u64(2, 2), u64(3, 1 << 40), u64(4, 4))
COUNTERS += (u64(6, 6),)


def region(sequence, *extra, counters=COUNTERS, flags=0):
    body = genl(4, text(1, "r0"), u32(2, 2), text(3, "remap"), u64(4, 0x6000))
    body += u32(5, 0) + b"".join(extra) + attribute(8 | NESTED, b"".join(counters))
    return message(FAMILY, sequence, body, flags)
