"""A refusal names errno, attribute and reason, from the bytes of an extended ACK."""

import struct

import pytest

from mmapkit.control import Command, Control
from mmapkit.errors import ControlError

from .datagrams import (
    ERROR,
    MULTI,
    NESTED,
    Kernel,
    answer,
    attribute,
    done,
    message,
    refusal,
    refused,
    region,
    text,
    u32,
    u64,
)


@pytest.mark.parametrize("whole", [False, True])
def test_refusal_names_the_attribute_at_the_offset(whole):
    kernel = Kernel()
    # Behind both headers, name and backing.
    attributes = text(1, "size: whole pages"), u32(2, 20 + 8 + 8)
    kernel.answers.append(
        lambda n: [
            refusal(n, 22, *attributes, request=kernel.sent[0] if whole else None)
        ]
    )
    payload = text(1, "r0") + u32(2, 2) + u64(4, 5)
    with pytest.raises(ControlError) as caught:
        Control(kernel).exchange(Command.REGION_NEW, payload)
    err = caught.value
    assert (err.errno, err.attribute, err.missing) == ("EINVAL", "size", False)
    assert err.message == "size: whole pages"
    assert str(err) == "region-new: EINVAL: size: size: whole pages"


def test_refusal_names_an_attribute_inside_of_another():
    payload = text(1, "r0") + attribute(8 | NESTED, u64(1, 1) + u64(3, 3))
    err = refused(
        lambda n: [refusal(n, 22, u32(2, 20 + 8 + 4 + 12))],
        ask=lambda control: control.exchange(Command.REGION_NEW, payload),
    )
    assert err.attribute == "faults"


def test_refusal_names_an_attribute_that_the_spec_does_not_know():
    err = refused(
        lambda n: [refusal(n, 22, u32(2, 20))],
        ask=lambda control: control.exchange(Command.REGION_GET, u32(77, 0)),
    )
    assert err.attribute == "number 77"


def test_refusal_names_what_is_missing():
    err = refused(
        lambda n: [refusal(n, 22, text(1, "how large?"), u32(5, 4))],
        ask=lambda control: control.request(Command.REGION_NEW, name="r0"),
    )
    assert (err.errno, err.attribute, err.missing) == ("EINVAL", "size", True)
    assert str(err) == "region-new: EINVAL: size is missing: how large?"


def test_refusal_names_what_is_missing_inside_of_another():
    payload = text(1, "r0") + attribute(8 | NESTED, u64(1, 1))
    err = refused(
        lambda n: [refusal(n, 22, u32(5, 2), u32(6, 28))],
        ask=lambda control: control.exchange(Command.REGION_NEW, payload),
    )
    assert (err.attribute, err.missing) == ("vmas", True)


def test_refusal_without_a_reason_has_its_errno():
    err = refused(lambda n: [message(ERROR, n, struct.pack("=i", -16) + bytes(16))])
    assert (err.errno, err.attribute, err.message) == ("EBUSY", None, "")


def test_errno_without_a_name_is_a_number():
    err = refused(lambda n: [message(ERROR, n, struct.pack("=i", -524) + bytes(16))])
    assert err.errno == "errno 524"


@pytest.mark.parametrize("offset", [0, 22, 4000])
def test_offset_that_points_nowhere_names_nothing(offset):
    assert refused(lambda n: [refusal(n, 1, u32(2, offset))]).attribute is None


def test_dump_that_ends_in_an_error_is_refused():
    err = refused(
        answer(lambda n: region(n, flags=MULTI), lambda n: done(n, 1, text(1, "no"))),
        ask=lambda control: control.regions(),
    )
    assert (err.errno, err.message) == ("EPERM", "no")


def test_family_that_is_not_there_is_told():
    kernel = Kernel()
    kernel.send = lambda data, without: kernel._waiting.append(refusal(1, 2))
    with pytest.raises(ControlError, match="family memphys: ENOENT"):
        Control(kernel).methods()
