"""All programs: both windows do what the model says, and the same."""

from hypothesis import given, settings
from mmapkit.strategies import large, programs, refused

NODES = ("/dev/memphys/remap", "/dev/memphys/fault")
SWAPPED = {NODES[0]: NODES[1], NODES[1]: NODES[0]}


def check(lab, program):
    """Run a program, and the one with the windows swapped."""
    expected = lab.model.run(program)
    swapped = program.retarget(SWAPPED.__getitem__)
    assert lab.run(program, quick=True) == expected
    assert lab.run(swapped, quick=True) == expected


@given(program=programs(NODES))
@settings(max_examples=500)
def test_windows_follow_the_model(lab, program):
    check(lab, program)


@given(program=refused(NODES))
@settings(max_examples=100)
def test_windows_refuse_the_same(lab, program):
    check(lab, program)


@given(program=large(NODES))
@settings(max_examples=20)
def test_windows_map_around_a_pmd(lab, program):
    check(lab, program)
