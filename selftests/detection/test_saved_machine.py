"""Machines go on from a saved one: none of them sees what another has done.

A verdict after a machine has died is worth nothing when the next one has part
of its state.
"""

import pytest

from mmapkit.files import read_text
from mmapkit.grammar import parse_program
from mmapkit.program import Program
from mmapkit.targets.memphys import read_target
from mmapkit.verdict import Outcome, Value, Verdict

#: something that a kernel keeps, and no program is told
NAME = "/proc/sys/kernel/hostname"

LEAVE = """
open f0 /dev/memphys/remap rdwr
mmap m0 f0 off=bar len=0x1000 prot=rw flags=shared
store m0 4 0x5a5a5a5a
"""

LOOK = """
open f0 /dev/memphys/remap rdonly
mmap m0 f0 off=bar len=0x1000 prot=r flags=shared
load m0 4
"""


@pytest.fixture
def machines(pytestconfig, make_lab):
    """Two labs, of which the second has begun when the first was used."""
    if pytestconfig.getoption("--machine") == "local":
        pytest.skip("this machine is not saved")
    labs = [make_lab(read_target) for _ in range(2)]
    yield labs
    for lab in labs:
        lab.close()


def test_machine_that_goes_on_is_told_so(machines):
    first, second = (lab.machine.title for lab in machines)
    assert "restored in" in second
    assert first != second


def test_machine_that_goes_on_has_seen_nothing(machines):
    used, fresh = machines
    look = parse_program(LOOK)
    assert used.machine.put(NAME, "used") == "ok"
    assert used.run_raw(parse_program(LEAVE)).verdict is Verdict.OK
    assert used.run_raw(look).results[2] == Value(0x5A5A5A5A)
    assert fresh.run_raw(look).results[2] == Value(0)
    assert read_text(used.machine, NAME) == "used\n"
    assert read_text(fresh.machine, NAME) != "used\n"


def test_machine_that_was_saved_goes_on_itself(machines):
    for lab in machines:
        assert lab.machine.run(Program(())) == Outcome((), Verdict.OK)
