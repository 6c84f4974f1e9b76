"""A socket on the machine under test, over which requests are answered.

The agent carries the bytes (selftests/agent/netlink.c).
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import closing

from pyroute2.netlink import ctrlmsg, genlmsg

from mmapkit.control.refusal import refusal
from mmapkit.control.wire import (
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    NLMSG_OVERRUN,
    Call,
    Damaged,
    Message,
    encode,
    number_of,
    reading,
    text_of,
    walk_messages,
)
from mmapkit.errors import ControlError
from mmapkit.machine import Machine

#: seconds for an answer, on a machine that is not slow
PATIENCE = 5.0

# include/uapi/linux/genetlink.h
_GENL_ID_CTRL = 0x10
_CTRL_CMD_GETFAMILY = 3


class Socket:
    """A socket of the machine, over which requests are answered."""

    def __init__(self, machine: Machine, without: str = "") -> None:
        self._patience = PATIENCE * machine.hello.scale
        self._without = without
        self._numbers = itertools.count(1)
        self.netlink = machine.netlink()

    def close(self) -> None:
        """Close it, on the machine too."""
        self.netlink.close()

    def ask(self, request: Call) -> list[genlmsg]:
        """Return the messages that answer; ControlError when it was refused.

        A dump that something changed under is made again while there is time.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                answers, whole = self._ask_once(request, deadline)
            except Damaged as err:
                raise ControlError(request.what, f"damaged answer: {err}") from err
            if whole:
                return answers
            if time.monotonic() > deadline:
                raise ControlError(request.what, "what is listed does not keep still")

    def _ask_once(self, request: Call, deadline: float) -> tuple[list[genlmsg], bool]:
        """Return the answer, and whether nothing changed meanwhile."""
        number = next(self._numbers)
        self.netlink.send(request.message(number), without=self._without)
        answers = []
        whole = True
        for message in self._answers(request.what, number, deadline):
            whole = whole and not message.flags & NLM_F_DUMP_INTR
            if message.tag in (NLMSG_ERROR, NLMSG_DONE):
                code = message.code()
                if code < 0:
                    raise refusal(request, message, code)
                break
            if message.tag != request.family:
                raise Damaged(f"a message of type {message.tag}")
            answers.append(message.decode(request.kind))
        return answers, whole

    def _answers(self, what: str, number: int, deadline: float) -> Iterator[Message]:
        """Yield what answers a request, as it comes; the caller sees the end."""
        while True:
            datagram = self.netlink.receive(max(0.0, deadline - time.monotonic()))
            if datagram is None:
                raise ControlError(what, f"no answer in {self._patience:.0f} s")
            for message in walk_messages(datagram):
                if message.tag == NLMSG_OVERRUN:
                    raise ControlError(what, "messages were lost")
                # Others are what is left of a request that nobody waited for.
                if message.sequence == number and message.tag != NLMSG_NOOP:
                    yield message

    def find(self, family: str) -> tuple[int, dict[str, int]]:
        """Return the number of a family, and those of its multicast groups."""
        payload = encode(ctrlmsg, {"CTRL_ATTR_FAMILY_NAME": family})
        what = f"generic netlink family {family}"
        found = self.ask(
            Call(what, _GENL_ID_CTRL, ctrlmsg, _CTRL_CMD_GETFAMILY, payload, False)
        )
        with reading(what):
            (message,) = found
            groups = {
                text_of(group, "CTRL_ATTR_MCAST_GRP_NAME"): number_of(
                    group, "CTRL_ATTR_MCAST_GRP_ID"
                )
                for group in message.get_attr("CTRL_ATTR_MCAST_GROUPS", [])
            }
            return number_of(message, "CTRL_ATTR_FAMILY_ID"), groups


def families(machine: Machine) -> dict[str, int]:
    """Return the generic netlink families of a machine, with their numbers."""
    what = "generic netlink families"
    call = Call(what, _GENL_ID_CTRL, ctrlmsg, _CTRL_CMD_GETFAMILY, b"", True)
    with closing(Socket(machine)) as socket:
        found = socket.ask(call)
    with reading(what):
        return {
            text_of(message, "CTRL_ATTR_FAMILY_NAME"): number_of(
                message, "CTRL_ATTR_FAMILY_ID"
            )
            for message in found
        }
