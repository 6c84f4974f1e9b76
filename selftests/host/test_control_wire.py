"""Damaged messages: each is an answer or a ControlError, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmapkit.control import Control
from mmapkit.errors import ControlError

from .datagrams import (
    FAMILY,
    Kernel,
    attribute,
    done,
    genl,
    message,
    method,
    refusal,
    region,
    text,
    u32,
    u64,
)

GOOD = {
    "methods": lambda n: method(n, "remap", 9, 15, 0) + done(n),
    "regions": lambda n: region(n, u64(6, 0xABC000)) + done(n),
    "refusal": lambda n: refusal(n, 22, text(1, "no"), u32(2, 28)) + done(n),
}


def outcome(datagram):
    """Return what a dump of regions comes to: regions, or a ControlError."""
    kernel = Kernel(lambda n: [datagram(n)])
    try:
        return Control(kernel).regions()
    except ControlError as err:
        return err


@settings(max_examples=300)
@given(kind=st.sampled_from(["regions", "refusal"]), at=st.integers(0, 200))
def test_answer_that_is_cut_off_is_refused(kind, at):
    whole = GOOD[kind](2)
    if at < len(whole) - 20 or (kind == "regions" and at < len(whole)):
        assert isinstance(outcome(lambda n: GOOD[kind](n)[:at]), ControlError)


@settings(max_examples=500)
@given(
    kind=st.sampled_from(sorted(GOOD)),
    edits=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=3),
)
def test_damage_anywhere_is_an_answer_or_a_control_error(kind, edits, caplog):
    def damaged(n):
        data = bytearray(GOOD[kind](n))
        for at, value in edits:
            data[at % len(data)] = value
        return bytes(data)

    assert isinstance(outcome(damaged), ControlError | tuple)
    # What pyroute2 does with damage is to log it, and go on.
    assert not caplog.records


@settings(max_examples=100)
@given(st.binary(max_size=100))
def test_noise_is_a_control_error(noise):
    assert isinstance(outcome(lambda n: noise), ControlError)


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("a number too short", u32(4, 5)),
        ("no number of a backing", u32(2, 4)),
        ("a string without an end", attribute(1, b"r0")),
        ("a string with two ends", attribute(1, b"r\0\0")),
        ("no counters", b""),
    ],
)
def test_attribute_that_is_wrong_is_a_control_error(what, body):
    whole = (text(1, "r0"), u32(2, 2), text(3, "remap"), u64(4, 0x6000), u32(5, 0))
    good = genl(4, body, *whole)
    assert "damaged" in outcome(lambda n: message(FAMILY, n, good) + done(n)).message
