"""The control plane: methods and regions over netlink, refusals with their reason."""

import errno
import struct

import pytest

from mmapkit.control import (
    NAME_MAX,
    Backing,
    Command,
    Control,
    Events,
    Lifetime,
    RegionDel,
    RegionNew,
    RegionRevoked,
    encode,
    families,
)
from mmapkit.control import RegionMessage as Message
from mmapkit.errors import ControlError
from mmapkit.grammar import parse_program

SIZE = 0x4000

#: one of the two names of its number
NOT_SUPPORTED = errno.errorcode[errno.EOPNOTSUPP]


@pytest.fixture
def pair(control):
    """A method with a backing that is not there already."""
    for method in control.methods():
        for backing in sorted(method.backings - {Backing.PHYS}, key=lambda b: b.value):
            return backing, method.name
    pytest.fail("no method goes with any backing that allocates")


def vars_of(counters):
    return [getattr(counters, name) for name in counters.__slots__]


def opens(machine, path):
    (result,) = machine.run(parse_program(f"open f0 {path} rdwr\n")).results
    return str(result)


def test_family_is_there_beside_those_of_the_kernel(machine):
    """GENL_ID_CTRL is the first number, and families have those behind: genetlink.h.

    Guards: none, the control plane is asked.
    """
    found = families(machine)
    assert found["nlctrl"] == 16
    assert found["memphys"] > 16


def test_every_method_has_a_name_and_a_backing(control):
    """method-get: each method once, and what it says of itself agrees.

    Guards: none, the control plane is asked.
    """
    methods = control.methods()
    names = [method.name for method in methods]
    assert {"remap", "fault"} <= set(names)
    assert len(names) == len(set(names))
    assert all(method.backings_mapping <= method.backings for method in methods)
    assert all(method.backings for method in methods)


def test_region_is_there_when_the_answer_is(control, machine, pair):
    """region-new: the node is there when the answer arrives, driver.rst.

    Guards: none, the control plane is asked.
    """
    backing, method = pair
    control.region_new("made", backing, method, SIZE)
    region = control.region("made")
    assert (region.backing, region.method, region.size) == (backing, method, SIZE)
    assert region.lifetime is Lifetime.REGION
    assert region in control.regions()
    assert opens(machine, region.path) == "ok"


def test_region_is_gone_when_the_answer_to_its_end_is(control, machine, pair):
    """region-del: the node is gone when the answer arrives, driver.rst.

    Guards: none, the control plane is asked.
    """
    control.region_new("made", *pair, SIZE)
    control.region_del("made")
    assert opens(machine, "/dev/memphys/made") == "ENOENT"
    assert "made" not in [region.name for region in control.regions()]
    with pytest.raises(ControlError) as caught:
        control.region("made")
    assert (caught.value.errno, caught.value.attribute) == ("ENOENT", "name")


def test_name_of_a_region_is_free_after_its_end(control, pair):
    """A name is as good as new: misc_deregister() has taken the node away.

    Guards: none, the control plane is asked.
    """
    for _ in range(3):
        control.region_new("again", *pair, SIZE)
        control.region_del("again")


def test_forty_regions_are_listed_each_once(control, pair):
    """region-get: a list of several messages has each region once.

    Guards: none, the control plane is asked.
    """
    backing, method = pair
    before = len(control.regions())
    names = [f"many-{number}" for number in range(40)]
    try:
        for name in names:
            control.region_new(name, backing, method, 0x1000)
    except ControlError as err:
        assert err.errno == "ENOSPC", err
    made = [region.name for region in control.regions()]
    assert len(made) == len(set(made)) > before + 8


def test_counters_come_back_to_nothing_but_for_what_has_happened(
    control, machine, pair
):
    """What is held goes back to 0 with the processes: vm_ops->close, .release.

    Guards: C4, C5, C6.
    """
    control.region_new("used", *pair, SIZE)
    before = control.region("used").counters
    assert set(vars_of(before)) <= {0, None}
    text = (
        "open f0 /dev/memphys/used rdwr\n"
        f"mmap m0 f0 off=0 len={SIZE:#x} prot=rw flags=shared\nfill m0\nfork p1\n"
    )
    outcome = machine.run(parse_program(text))
    assert [str(result) for result in outcome.results] == ["ok"] * 4
    after = control.region("used").counters
    assert (after.opens, after.vmas, after.references or 0) == (0, 0, 0)
    assert after.pages >= SIZE // machine.hello.page_size


# ---------------------------------------------------------------- refusals


def good():
    return {"name": "r0", "backing": 2, "method": "remap", "size": SIZE}


REFUSED = {
    "no name": ({"name": None}, "EINVAL", "name", True),
    "an empty name": ({"name": ""}, "EINVAL", "name", False),
    "a name with a slash": ({"name": "a/b"}, "EINVAL", "name", False),
    "a name that is a folder": ({"name": ".."}, "EINVAL", "name", False),
    "a name of capitals": ({"name": "Name"}, "EINVAL", "name", False),
    "no backing": ({"backing": None}, "EINVAL", "backing", True),
    "a backing that is none": ({"backing": 4}, "ERANGE", "backing", False),
    "no method": ({"method": None}, "EINVAL", "method", True),
    "a method that is none": ({"method": "magic"}, "ENOENT", "method", False),
    "no size": ({"size": None}, "EINVAL", "size", True),
    "no bytes": ({"size": 0}, "EINVAL", "size", False),
    "half a page": ({"size": 0x800}, "EINVAL", "size", False),
    "all addresses": ({"size": (1 << 64) - 0x1000}, "ENOMEM", "size", False),
    "a lifetime that is none": ({"lifetime": 2}, "ERANGE", "lifetime", False),
    "a base without need": ({"base": 0x1000}, "EINVAL", "base", False),
    "phys without a base": ({"backing": 0}, "EINVAL", "base", True),
    "phys in mid-page": ({"backing": 0, "base": 0x10}, "EINVAL", "base", False),
    "phys beyond the end": (
        {"backing": 0, "base": (1 << 64) - 0x1000, "size": 0x2000},
        *("EINVAL", "base", False),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusal_names_errno_and_attribute(control, what):
    """A refusal has the attribute that it is about, and changes nothing.

    Guards: A10.
    """
    changes, errno, attribute, missing = REFUSED[what]
    before = control.regions()
    with pytest.raises(ControlError) as caught:
        control.request(Command.REGION_NEW, **good() | changes)
    err = caught.value
    assert (err.errno, err.attribute, err.missing) == (errno, attribute, missing)
    assert err.message
    assert control.regions() == before


def test_backing_that_a_method_does_not_map_is_refused(control):
    """What does not go together is refused before it is made, driver.rst.

    Guards: A13, E2.
    """
    for method in control.methods():
        for backing in set(Backing) - method.backings:
            base = 0x1000 if backing is Backing.PHYS else None
            with pytest.raises(ControlError) as caught:
                control.region_new("r0", backing, method.name, SIZE, base=base)
            err = caught.value
            assert (err.errno, err.attribute) == (NOT_SUPPORTED, "backing")
            assert "this method" in err.message


def test_memory_that_cannot_live_with_a_mapping_is_refused(control):
    """Nobody allocates phys, and an action of mmap_prepare comes too early.

    Guards: none, the control plane is asked.
    """
    for method in control.methods():
        for backing in method.backings - method.backings_mapping:
            phys = backing is Backing.PHYS
            with pytest.raises(ControlError) as caught:
                control.region_new(
                    *("r0", backing, method.name, SIZE),
                    lifetime=Lifetime.MAPPING,
                    base=0x1000 if phys else None,
                )
            err = caught.value
            assert (err.errno, err.attribute) == (NOT_SUPPORTED, "lifetime")
            assert ("nobody allocates" if phys else "this method") in err.message


@pytest.mark.parametrize("window", ["remap", "fault"])
@pytest.mark.parametrize("revoke", [False, True], ids=["deleted", "revoked"])
def test_window_cannot_be_taken_away(control, machine, window, revoke):
    """A window goes with the module alone: EPERM.

    Guards: none, the control plane is asked.
    """
    with pytest.raises(ControlError) as caught:
        control.region_del(window, revoke=revoke)
    assert (caught.value.errno, caught.value.attribute) == ("EPERM", "name")
    assert "window" in caught.value.message
    assert opens(machine, f"/dev/memphys/{window}") == "ok"


def test_name_that_is_too_long_is_refused(control, pair):
    """A name has as many characters as the spec says.

    Guards: none, the control plane is asked.
    """
    control.region_new("n" * NAME_MAX, *pair, SIZE)
    with pytest.raises(ControlError) as caught:
        control.region_new("n" * (NAME_MAX + 1), *pair, SIZE)
    assert (caught.value.errno, caught.value.attribute) == ("EINVAL", "name")


def test_name_that_is_taken_is_refused(control, pair):
    """Two nodes cannot have one name: EEXIST, as sysfs has it.

    Guards: none, the control plane is asked.
    """
    control.region_new("twice", *pair, SIZE)
    with pytest.raises(ControlError) as caught:
        control.region_new("twice", *pair, SIZE)
    assert (caught.value.errno, caught.value.attribute) == ("EEXIST", "name")


@pytest.mark.parametrize(
    ("payload", "attribute"),
    [
        (struct.pack("=HHI", 8, 4, 1), "size"),
        (struct.pack("=HH4s", 8, 1, b"abcd"), "name"),
        (struct.pack("=HHI", 8, 77, 1), "number 77"),
        (encode(Message, good() | {"revoke": 1}), "revoke"),
    ],
    ids=["a number too short", "a string without an end", "unknown", "of another"],
)
def test_attribute_of_the_wrong_form_is_refused(control, payload, attribute):
    """What is malformed is refused by the policy: lib/nlattr.c.

    Guards: none, the control plane is asked.
    """
    with pytest.raises(ControlError) as caught:
        control.exchange(Command.REGION_NEW, payload)
    err = caught.value
    assert (err.errno in ("EINVAL", "ERANGE"), err.attribute) == (True, attribute)


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.methods(),
        lambda c: c.regions(),
        lambda c: c.region("remap"),
        lambda c: c.region_new("r0", Backing.PAGES, "remap", SIZE),
        lambda c: c.region_del("r0"),
    ],
    ids=["methods", "regions", "region", "region-new", "region-del"],
)
def test_each_request_needs_rawio(machine, ask):
    """Who may not open the nodes may not make them: CAP_SYS_RAWIO.

    Guards: none, the control plane is asked.
    """
    control = Control(machine, without="sys_rawio")
    with control, pytest.raises(ControlError) as caught:
        ask(control)
    assert caught.value.errno == "EPERM"
    assert "CAP_SYS_RAWIO" in caught.value.message


# ---------------------------------------------------------------- events


def test_events_tell_of_each_region(control, machine, pair):
    """Listeners are told of what has been done, in its order, once.

    Guards: none, the control plane is asked.
    """
    with Events(machine) as events:
        assert events.next(0) is None
        control.region_new("told", *pair, SIZE)
        control.region_del("told")
        control.region_new("told", *pair, SIZE)
        control.region_del("told", revoke=True)
        assert [events.next(1) for _ in range(4)] == [
            RegionNew("told"),
            RegionDel("told"),
            RegionNew("told"),
            RegionRevoked("told"),
        ]
        assert events.next(0) is None


def test_listening_needs_sys_admin(machine):
    """Who listens learns of others: CAP_SYS_ADMIN, and nothing else.

    Guards: none, the control plane is asked.
    """
    with pytest.raises(ControlError) as caught:
        Events(machine, without="sys_admin").open()
    assert caught.value.errno == "EPERM"
    with Events(machine, without="sys_rawio") as events:
        assert events.next(0) is None


def test_refusal_is_no_event(control, machine):
    """Listeners are told of nothing that was not done.

    Guards: none, the control plane is asked.
    """
    with Events(machine) as events:
        with pytest.raises(ControlError):
            control.region_del("nothing")
        assert events.next(0.1) is None
