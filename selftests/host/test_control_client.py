"""What Control sends, byte by byte, and what it makes of good answers."""

import struct

import pytest

from mmapkit.control import (
    Backing,
    Command,
    Control,
    Counters,
    Lifetime,
    Method,
    MethodFlag,
    Region,
)

from .datagrams import (
    COUNTERS,
    FAMILY,
    Kernel,
    ack,
    answer,
    attribute,
    done,
    genl,
    method,
    refused,
    region,
    text,
    u32,
    u64,
)


def test_region_new_is_spelled_as_the_header_says():
    kernel = Kernel(lambda n: [ack(n)])
    Control(kernel).region_new("r0", Backing.PAGES, "fault-page", 0x5000)
    attributes = (
        b"\x07\0\x01\0r0\0\0"
        b"\x08\0\x02\0\x02\0\0\0"
        b"\x0f\0\x03\0fault-page\0\0"
        b"\x0c\0\x04\0\0\x50\0\0\0\0\0\0"
        b"\x08\0\x05\0\0\0\0\0"
    )
    head = struct.pack("=IHHII", 20 + len(attributes), FAMILY, 5, 2, 0)
    assert kernel.sent == [head + b"\x02\x01\0\0" + attributes]


def test_base_and_lifetime_are_sent_when_given():
    kernel = Kernel(lambda n: [ack(n)])
    Control(kernel).region_new(
        "p",
        *(Backing.PHYS, "remap", 4096),
        lifetime=Lifetime.MAPPING,
        base=0x1_0000_0000,
    )
    assert kernel.sent[0].endswith(u32(5, 1) + u64(6, 0x1_0000_0000))


@pytest.mark.parametrize(("revoke", "flag"), [(False, b""), (True, attribute(7, b""))])
def test_revoke_is_there_or_not(revoke, flag):
    kernel = Kernel(lambda n: [ack(n)])
    Control(kernel).region_del("r0", revoke=revoke)
    assert kernel.sent[0][16:] == genl(3, text(1, "r0"), flag)


def test_lists_are_asked_for_as_dumps():
    kernel = Kernel(lambda n: [done(n)], lambda n: [done(n)])
    control = Control(kernel)
    assert control.methods() == ()
    assert control.regions() == ()
    asked = [struct.unpack_from("=IHHIIB", data)[2::3] for data in kernel.sent]
    assert asked == [(0x301, 1), (0x301, 4)]


@pytest.mark.parametrize("size", [-1, 1 << 64])
def test_value_that_does_not_fit_is_refused_here(size):
    err = refused(ask=lambda c: c.region_new("r", Backing.PAGES, "x", size))
    assert (err.attribute, err.errno) == ("size", None)


def test_capability_is_taken_out_of_effect():
    kernel = Kernel(lambda n: [done(n)])
    Control(kernel, without="sys_rawio").methods()
    assert kernel.without[-1] == "sys_rawio"


def test_socket_is_closed_and_opened_again():
    kernel = Kernel(lambda n: [done(n)], lambda n: [done(n)])
    with Control(kernel) as control:
        control.methods()
        assert kernel.open == 1
    assert kernel.open == 0
    control.methods()
    assert kernel.open == 1


def test_request_of_a_program_is_the_message_that_control_would_send():
    kernel = Kernel(lambda n: [ack(n)])
    control = Control(kernel)
    operation = control.program_request(Command.REGION_DEL, name="r0", revoke=True)
    assert not kernel.sent
    control.region_del("r0", revoke=True)
    (sent,) = kernel.sent
    # Only the number of the request is another.
    assert (operation.message[:8], operation.message[12:]) == (sent[:8], sent[12:])


def test_methods_come_in_several_parts():
    kernel = Kernel(
        answer(
            lambda n: method(n, "remap", 9, 15, 0) + method(n, "fault", 0, 1, 1),
            lambda n: method(n, "huge", 16 | 32 | 2, 0b1100, 0b1000),
            done,
        )
    )
    everything = frozenset(Backing)
    assert Control(kernel).methods() == (
        Method(
            "remap", MethodFlag.EAGER | MethodFlag.COW_LINEAR, everything, frozenset()
        ),
        *(Method("fault", MethodFlag(0), *2 * (frozenset({Backing.PHYS}),)),),
        Method(
            "huge",
            MethodFlag.HUGE | MethodFlag.AROUND | MethodFlag.PAGE,
            frozenset({Backing.PAGES, Backing.VMALLOC}),
            frozenset({Backing.VMALLOC}),
        ),
    )


def test_region_is_read_with_its_counters():
    kernel = Kernel(answer(lambda n: region(n, u64(6, 0xABC000)), ack))
    found = Control(kernel).region("r0")
    counters = Counters(1, 2, 1 << 40, 4, None, 6)
    assert found == Region(
        "r0", Backing.PAGES, "remap", 0x6000, Lifetime.REGION, 0xABC000, counters
    )
    assert found.path == "/dev/memphys/r0"


def test_what_is_absent_is_none():
    counters = (*COUNTERS, u64(5, 5))
    kernel = Kernel(answer(lambda n: region(n, counters=counters) + done(n)))
    (found,) = Control(kernel).regions()
    assert found.base is None
    assert found.counters.references == 5


def test_attribute_that_is_new_is_passed_over():
    kernel = Kernel(answer(lambda n: region(n, attribute(99, b"abc")), ack))
    assert Control(kernel).region("r0").size == 0x6000
