"""Requests and answers over a socket: as they come, and over the real agent."""

from contextlib import suppress
from pathlib import Path

import pytest

from mmapkit.control import Control, sockets
from mmapkit.errors import ControlError
from mmapkit.machine.local import spawn

from .datagrams import (
    CTRL,
    DONE,
    INTERRUPTED,
    MULTI,
    Kernel,
    ack,
    answer,
    done,
    message,
    refused,
    region,
)


def test_dump_that_was_interrupted_is_made_again():
    kernel = Kernel(
        answer(
            lambda n: region(n, flags=MULTI), lambda n: message(DONE, n, bytes(4), 18)
        ),
        answer(lambda n: region(n, flags=MULTI) + done(n)),
    )
    assert len(Control(kernel).regions()) == 1
    assert len(kernel.sent) == 2


def test_dump_that_never_keeps_still_is_given_up(monkeypatch):
    monkeypatch.setattr(sockets, "PATIENCE", 0.05)

    class Restless(list):
        def pop(self, index):
            return answer(lambda n: region(n, flags=MULTI | INTERRUPTED) + done(n))

    kernel = Kernel()
    kernel.answers = Restless()
    with pytest.raises(ControlError, match="does not keep still"):
        Control(kernel).regions()


def test_rest_of_an_older_answer_is_passed_over():
    kernel = Kernel(answer(lambda n: ack(n - 1) + region(n - 1), region, ack))
    assert Control(kernel).region("r0").name == "r0"


def test_answer_that_does_not_come_is_told():
    err = refused(answer())
    assert (err.request, err.errno) == ("region-get", None)
    assert "no answer" in err.message


# ---------------------------------------------------------------- the agent


@pytest.fixture
def agent(agent_file):
    process, agent = spawn(agent_file)
    yield agent
    agent.close()
    process.wait(timeout=10)


def test_agent_carries_datagrams_of_the_real_kernel(machine):
    found = sockets.families(machine)
    assert found["nlctrl"] == CTRL


def test_real_refusal_names_its_attribute(machine):
    """A name that is too long, sent to the family that every kernel has."""
    socket = sockets.Socket(machine)
    with pytest.raises(ControlError) as caught:
        socket.find("x" * 40)
    assert caught.value.errno in ("EINVAL", "ERANGE")
    assert caught.value.attribute == "CTRL_ATTR_FAMILY_NAME"


def test_capability_that_is_none_is_refused(machine):
    with pytest.raises(ControlError, match="EINVAL"):
        machine.netlink().send(b"", without="no_such")


@pytest.mark.parametrize(
    "act",
    [
        lambda socket: socket.send(message(1, 0, b""), without="sys_rawio"),
        lambda socket: socket.join(1, without="sys_rawio"),
    ],
    ids=["send", "join"],
)
def test_capability_is_back_in_effect_afterwards(agent_file, act):
    process, agent = spawn(agent_file)
    status = Path(f"/proc/{process.pid}/status")
    before = status.read_text().split("CapEff:")[1].split()[0]
    with suppress(ControlError):
        act(agent.netlink())
    assert status.read_text().split("CapEff:")[1].split()[0] == before
    agent.close()
    process.wait(timeout=10)


def test_sockets_have_numbers_that_are_used_again(agent):
    first, second = agent.netlink(), agent.netlink()
    assert second.receive(0) is None
    first.close()
    with pytest.raises(ControlError, match="EBADF"):
        first.receive(0)
    assert agent.netlink().receive(0.01) is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("nl-open 8", "EINVAL"),
        ("nl-open", "EINVAL"),
        ("nl-open x", "EINVAL"),
        ("nl-close 3", "EBADF"),
        ("nl-join 3 1", "EBADF"),
        ("nl-join 0 -1", "EINVAL"),
        ("nl-join 0 99999", "EINVAL"),
        ("nl-join 0 1 no_such", "EINVAL"),
        ("nl-send 3 00", "EBADF"),
        ("nl-send 0 0", "EINVAL"),
        ("nl-send 0 0x", "EINVAL"),
        ("nl-send 0 " + "00" * 16385, "EMSGSIZE"),
        ("nl-recv 3 0", "EBADF"),
        ("nl-recv 0", "EINVAL"),
        ("nl-open 0", "EEXIST"),
    ],
    ids=lambda value: str(value)[:14],
)
def test_agent_refuses_with_an_errno(agent, command, expected):
    agent.netlink()
    assert agent._command(command) == expected
    assert agent._command("nl-recv 0 0") == "none"
