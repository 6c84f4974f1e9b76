"""Events, as they come in datagrams."""

import pytest

from mmapkit.control import Events, FaultLoop, RegionDel, RegionNew, RegionRevoked
from mmapkit.errors import ControlError

from .datagrams import CTRL, FAMILY, GROUP, Kernel, genl, message, text, u32, u64


def event(command, *attributes):
    return message(FAMILY, 0, genl(command, text(1, "r0"), *attributes))


def test_events_are_told_in_their_order():
    both = event(5) + event(7)
    loop = event(8, u64(2, 0x7F0000001000), u32(3, 55), u32(4, 1000))
    kernel = Kernel(events=[both, event(6), loop])
    with Events(kernel) as events:
        assert kernel.groups == [GROUP]
        assert events.next(0) == RegionNew("r0")
        assert events.next(0) == RegionRevoked("r0")
        assert events.next(0) == RegionDel("r0")
        assert events.next(0) == FaultLoop("r0", 0x7F0000001000, 55, 1000)
        assert events.next(0) is None
    assert kernel.open == 0


def test_messages_of_others_are_no_events():
    kernel = Kernel(events=[message(CTRL, 0, genl(1)), event(5)])
    with Events(kernel) as events:
        assert events.next(1) == RegionNew("r0")


@pytest.mark.parametrize("datagram", [event(9), event(8), event(5)[:22], event(5)[:9]])
def test_event_that_is_damaged_is_a_control_error(datagram):
    events = Events(Kernel(events=[datagram]))
    with events, pytest.raises(ControlError, match="damaged"):
        events.next(0)


def test_events_that_were_lost_are_told():
    kernel = Kernel()

    def receive(seconds):
        raise ControlError("netlink socket: recv", errno="ENOBUFS")

    with Events(kernel) as events:
        kernel.receive = receive
        with pytest.raises(ControlError, match="ENOBUFS"):
            events.next(0)


def test_who_may_not_listen_leaves_no_socket():
    kernel = Kernel()
    with pytest.raises(ControlError, match="EPERM"):
        Events(kernel, without="sys_admin").open()
    assert kernel.open == 0


def test_nobody_listens_before_with():
    with pytest.raises(ControlError, match="with statement"):
        Events(Kernel()).next(0)
