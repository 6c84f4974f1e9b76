"""As many regions as there may be, and a list that is longer than a buffer."""

import re

import pytest

from mmapkit.control import Backing, Control
from mmapkit.errors import ControlError

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def loaded(own, load):
    """The control plane of a driver that allows many regions."""

    def loaded(limit):
        assert load(f"max_regions={limit}") == "ok"
        return Control(own.machine)

    return loaded


def make_many(control, names):
    """Make regions; returns the names of those that were made, and the refusal."""
    made = []
    for name in names:
        try:
            control.region_new(name, Backing.PAGES, "remap", 0x1000)
        except ControlError as err:
            return made, err
        made.append(name)
    return made, None


def test_limit_of_regions_is_told_by_the_name(loaded):
    """max_regions=: ENOSPC of name, and what is given back can be had.

    Guards: none, the control plane is asked.
    """
    with loaded(80) as control:
        made, refusal = make_many(control, (f"r{n}" for n in range(81)))
        assert len(made) == 80
        assert (refusal.errno, refusal.attribute) == ("ENOSPC", "name")
        assert "max_regions" in refusal.message
        control.region_del("r7")
        assert make_many(control, ["again", "more"])[0] == ["again"]


#: names such that the message of a head is one step of alignment longer
HEADS = [f"head-{n:04}" for n in range(50)]
BODIES = [f"b-{n:03}" for n in range(215)]


def test_list_is_whole_wherever_a_buffer_ends(own, loaded):
    """Each head that goes moves the end of the buffer by four bytes in a message.

    Oldest first, as they were made.
    Guards: none, the control plane is asked.
    """
    major, minor = re.match(r"(\d+)\.(\d+)", own.machine.hello.release).groups()
    if (int(major), int(minor)) < (6, 2):
        pytest.skip("there are 128 numbers for misc devices, some of them given twice")
    with loaded(1000) as control:
        windows = [region.name for region in control.regions()]
        made, refusal = make_many(control, HEADS + BODIES)
        assert refusal is None
        listed = control.regions()
        for gone, head in enumerate(HEADS):
            assert [region.name for region in listed] == windows + made[gone:]
            assert len({(r.method, r.size) for r in listed[2:]}) == 1
            assert None not in [r.counters.references for r in listed[2:]]
            control.region_del(head)
            listed = control.regions()
