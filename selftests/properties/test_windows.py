"""All programs: both windows do what the model says, and the same."""

from hypothesis import given, settings

from mmapkit.strategies import large, programs, refused

FULL = settings.default.max_examples

REMAP, FAULT = NODES = ("/dev/memphys/remap", "/dev/memphys/fault")


@given(program=programs(NODES))
@settings(max_examples=FULL)
def test_windows_side_by_side_follow_the_model(lab, program):
    outcome = lab.run(program, quick=True)
    assert outcome == outcome.due


def check_each(lab, program):
    """Run a program on each window; the model may tell them apart, nobody else."""
    remap = program.retarget(lambda path: REMAP)
    fault = program.retarget(lambda path: FAULT)
    by_remap, by_fault = lab.run_all([remap, fault], quick=True)
    looks = program.looks()
    if by_remap.due.without(looks) == by_fault.due.without(looks):
        assert by_remap.without(looks) == by_fault.without(looks)
    assert by_remap == by_remap.due
    assert by_fault == by_fault.due


@given(program=programs([REMAP]))
@settings(max_examples=FULL // 2)
def test_windows_give_the_same(lab, program):
    check_each(lab, program)


@given(program=refused([REMAP]))
@settings(max_examples=FULL // 8)
def test_windows_refuse_the_same(lab, program):
    check_each(lab, program)


@given(program=large([REMAP]))
@settings(max_examples=FULL // 50)
def test_windows_map_the_same_around_a_pmd(lab, program):
    check_each(lab, program)
