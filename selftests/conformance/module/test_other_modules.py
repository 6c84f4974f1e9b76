"""Methods of another module: regions use them, and the module stays meanwhile."""

import pytest

from mmapkit.control import Backing, Control
from mmapkit.errors import ControlError


@pytest.fixture
def other(machine):
    """The name of a module that registers methods; it does nothing by itself."""
    assert machine.insmod("memphys_faulty", "disposable=1") == "ok"
    yield "memphys_faulty"
    assert machine.rmmod("memphys_faulty") in ("ok", "ENOENT")


def test_region_holds_the_module_of_its_method(machine, other):
    """A region holds the module of its method: driver.rst, try_module_get().

    Guards: C12.
    """
    with Control(machine) as control:
        assert "nopage" in [method.name for method in control.methods()]
        control.region_new("held", Backing.PAGES, "nopage", 0x4000)
        assert machine.rmmod(other) == "EAGAIN"
        control.region_del("held")
        assert machine.rmmod(other) == "ok"
        assert "nopage" not in [method.name for method in control.methods()]


def test_region_that_was_not_made_does_not_hold_the_module(machine, other):
    """What fails gives back what it took.

    Guards: C7, C12.
    """
    with Control(machine) as control:
        with pytest.raises(ControlError) as caught:
            control.region_new("remap", Backing.PAGES, "nopage", 0x4000)
        assert caught.value.errno == "EEXIST"
        assert machine.rmmod(other) == "ok"


def test_driver_stays_while_another_module_needs_it(machine, other):
    """delete_module(2), EWOULDBLOCK: others depend on it.

    Guards: C12.
    """
    assert machine.rmmod("memphys") == "EAGAIN"
    assert machine.rmmod(other) == "ok"


def test_method_stays_while_only_a_window_of_it_is_open(answers, other):
    """An open file holds the module of the method behind it.

    Guards: C12.
    """
    text = f"open f0 /dev/memphys/nopage rdonly\nrmmod {other}\nclose f0\nrmmod {other}"
    assert answers(text) == ["ok", "EAGAIN", "ok", "ok"]
