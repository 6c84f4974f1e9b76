"""As many regions as there may be, and a list that is longer than a buffer."""

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
    """That of the driver; or before 6.2, the 128 minor numbers of misc devices."""
    with loaded(300) as control:
        made, refusal = make_many(control, (f"r{n}" for n in range(301)))
        assert refusal.attribute == "name"
        if len(made) == 300:
            assert refusal.errno == "ENOSPC"
            assert "max_regions" in refusal.message
        else:
            assert refusal.errno == "EBUSY"
            assert "minor number" in refusal.message
            assert len(made) > 64
        control.region_del("r7")
        assert make_many(control, ["again", "more"])[0] == ["again"]


#: names such that the message of a head is one step of alignment longer
HEADS = [f"head-{n:04}" for n in range(50)]
BODIES = [f"b-{n:03}" for n in range(215)]


def test_list_is_whole_wherever_a_buffer_ends(loaded):
    """Each head that goes moves the end of the buffer by four bytes in a message.

    Oldest first, as they were made.
    """
    with loaded(1000) as control:
        windows = [region.name for region in control.regions()]
        made, _ = make_many(control, HEADS + BODIES)
        assert len(made) > len(HEADS)
        listed = control.regions()
        for gone, head in enumerate(HEADS):
            assert [region.name for region in listed] == windows + made[gone:]
            assert len({(r.method, r.size) for r in listed[2:]}) == 1
            assert None not in [r.counters.references for r in listed[2:]]
            control.region_del(head)
            listed = control.regions()
