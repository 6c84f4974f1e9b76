"""The control plane, against a kernel that is played with hand-made datagrams."""

import struct
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mmapkit import control
from mmapkit.control import (
    Backing,
    Command,
    Control,
    Counters,
    Events,
    FaultLoop,
    Lifetime,
    Method,
    MethodFlag,
    Region,
    RegionDel,
    RegionNew,
    RegionRevoked,
)
from mmapkit.errors import ControlError
from mmapkit.machine.local import spawn
from mmapkit.setup import ROOT

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

    def join(self, group):
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


# ---------------------------------------------------------------- requests


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


# ---------------------------------------------------------------- answers


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
    monkeypatch.setattr(control, "PATIENCE", 0.05)

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


# ---------------------------------------------------------------- refusals


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


# ---------------------------------------------------------------- damage

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


# ---------------------------------------------------------------- events


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


def test_nobody_listens_before_with():
    with pytest.raises(ControlError, match="with statement"):
        Events(Kernel()).next(0)


# ---------------------------------------------------------------- the spec

SPEC = yaml.safe_load((ROOT / "Documentation/netlink/specs/memphys.yaml").read_text())
TYPES = {"string": "asciiz", "u32": "uint32", "u64": "uint64", "pad": "none"}
TYPES |= {"flag": "flag", "nest": "counters_nest"}
ENUMS = {"backing": Backing, "lifetime": Lifetime, "method-flag": MethodFlag}
SETS = {
    "method": control.MethodMessage,
    "counters": control.RegionMessage.counters_nest,
    "region": control.RegionMessage,
    "event": control.EventMessage,
}


def by_name(items):
    return {item["name"]: item for item in items}


def spelled(name):
    return name.lower().replace("_", "-")


@pytest.mark.parametrize("name", ENUMS)
def test_enum_agrees_with_the_spec(name):
    definition = by_name(SPEC["definitions"])[name]
    numbers = range(len(definition["entries"]))
    flags = definition["type"] == "flags"
    assert {spelled(item.name): item.value for item in ENUMS[name]} == {
        entry["name"]: 1 << number if flags else number
        for number, entry in zip(numbers, definition["entries"], strict=True)
    }


def test_every_enum_and_every_set_is_there():
    kinds = {item["name"] for item in SPEC["definitions"] if item["type"] != "const"}
    assert kinds == set(ENUMS)
    assert {item["name"] for item in SPEC["attribute-sets"]} == set(SETS)


@pytest.mark.parametrize("name", SETS)
def test_attributes_agree_with_the_spec(name):
    attributes = by_name(SPEC["attribute-sets"])[name]["attributes"]
    assert SETS[name].nla_map == (
        ("unspec", "none"),
        *((item["name"], TYPES[item["type"]]) for item in attributes),
    )


def test_commands_agree_with_the_spec():
    operations = SPEC["operations"]["list"]
    assert {item.spelling: item.value for item in Command} == {
        item["name"]: number for number, item in enumerate(operations, 1)
    }
    assert {item["name"]: SETS[item["attribute-set"]] for item in operations} == {
        command.spelling: kind for command, kind in control.MESSAGES.items()
    }


def test_names_agree_with_the_spec():
    assert SPEC["name"] == control.FAMILY
    assert SPEC.get("version", 1) == control.VERSION
    assert by_name(SPEC["definitions"])["name-max"]["value"] == control.NAME_MAX
    assert [group["name"] for group in SPEC["mcast-groups"]["list"]] == [control.EVENTS]


# ---------------------------------------------------------------- the agent


@pytest.fixture
def agent(agent_file):
    process, agent = spawn(agent_file)
    yield agent
    agent.close()
    process.wait(timeout=10)


def test_agent_carries_datagrams_of_the_real_kernel(machine):
    found = control.families(machine)
    assert found["nlctrl"] == CTRL


def test_real_refusal_names_its_attribute(machine):
    """A name that is too long, sent to the family that every kernel has."""
    socket = control._Socket(machine)
    with pytest.raises(ControlError) as caught:
        socket.find("x" * 40)
    assert caught.value.errno in ("EINVAL", "ERANGE")
    assert caught.value.attribute == "CTRL_ATTR_FAMILY_NAME"


def test_capability_that_is_none_is_refused(machine):
    with pytest.raises(ControlError, match="EINVAL"):
        machine.netlink().send(b"", without="no_such")


def test_capability_is_back_in_effect_after_a_request(agent_file):
    process, agent = spawn(agent_file)
    status = Path(f"/proc/{process.pid}/status")
    before = status.read_text().split("CapEff:")[1].split()[0]
    nothing = message(1, 0, b"")
    agent.netlink().send(nothing, without="sys_rawio")
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
