"""Faults that a program answers itself: loops and hangs with no module at all.

By the agent, on the kernel of this machine. Who may not have the kernel's own
faults, as of read(2), answered by a program is refused (userfaultfd(2), EPERM).
"""

import re

import pytest

from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.verdict import Errno, NotReached, Ok, Value, Verdict

ANSWERED = """
mmap m0 - len=0x4000 prot=rw flags={flags}
load m0 4
userfault m0+0x1000 {answer} len=0x2000
{access}
"""


def run(machine, answer, access, flags="private"):
    """Return what comes of an access, or None where a program may not answer."""
    text = ANSWERED.format(answer=answer, access=access, flags=flags)
    outcome = machine.run(parse_program(text))
    if outcome.results[2] in (Errno("EPERM"), Errno("ENOSYS")):
        assert outcome.verdict is Verdict.OK
        return None
    return outcome


@pytest.mark.parametrize("flags", ["private", "shared"])
@pytest.mark.parametrize(
    "access", ["store m0+0x1000 4 1", "digest m0", "poke m0+0x1ffc data=00 via=read"]
)
def test_fault_that_is_answered_without_a_page_is_a_retry_loop(machine, access, flags):
    outcome = run(machine, "wake", access, flags)
    if outcome is None:
        return
    assert (outcome.verdict, outcome.stopped_at) == (Verdict.RETRY_LOOP, 3)
    assert outcome.results[3] == NotReached()
    told = dict(outcome.evidence)
    place = {"s": "0x1000", "d": "0x1000", "p": "0x1ffc"}[access[0]]
    assert told["address"] == f"m0+{place}"
    assert int(told["faults"]) < 100
    # Each turn is a sleep, however short: that tells it where the CPU has time.
    assert int(told["wakes"]) > 100 or int(told["cpu_ms"]) > 200


def test_fault_that_nobody_answers_is_a_hang(machine):
    outcome = run(machine, "none", "load m0+0x2000 4")
    if outcome is None:
        return
    assert (outcome.verdict, outcome.stopped_at) == (Verdict.HANG, 3)
    told = dict(outcome.evidence)
    assert told["address"] == "m0+0x2000"
    assert (told["state"], told["wakes"]) == ("S", "0")


def test_fault_that_is_answered_with_a_page_is_over(machine):
    outcome = run(machine, "zeropage", "load m0+0x1000 4\nload m0+0x3000 4")
    if outcome is None:
        return
    assert outcome.verdict is Verdict.OK
    assert outcome.results == (Ok(), Value(0), Ok(), Value(0), Value(0))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("userfault m1 wake", "void"),
        ("userfault m0+0x800 wake", "EINVAL"),
        ("userfault m0 wake len=0x800", "EINVAL"),
        ("userfault m0 wake len=0", "EINVAL"),
        ("userfault m0+0x8000 wake len=0x1000", "EINVAL"),
    ],
)
def test_range_that_cannot_be_answered_for_is_refused(machine, text, reason):
    text = f"mmap m0 - len=0x4000 prot=rw flags=private\n{text}\nload m0 4\n"
    _, told, loaded = machine.run(parse_program(text)).results
    assert re.fullmatch(f"{reason}|EPERM|ENOSYS", str(told))
    assert loaded == Value(0)


def test_model_does_not_know_when_a_program_answers(model):
    with pytest.raises(ModelError, match="userfault"):
        model.run(
            parse_program(ANSWERED.format(answer="wake", access="", flags="shared"))
        )
