"""All programs: both windows do what the model says, and the same."""

from hypothesis import given, settings

from mmapkit.strategies import large, programs, refused

FULL = settings.default.max_examples

#: what stands for the two of the fixture
NODES = ("first", "second")


@given(program=programs(NODES))
@settings(max_examples=FULL // 2)
def test_windows_side_by_side_follow_the_model(lab, windows, program):
    paths = dict(zip(NODES, windows, strict=True))
    outcome = lab.run(program.retarget(paths.__getitem__), quick=True)
    assert outcome == outcome.due


def check_each(lab, windows, program):
    """Run a program on each window; the model may tell them apart, nobody else."""
    one, other = lab.run_all(
        [program.retarget(lambda _, path=path: path) for path in windows], quick=True
    )
    looks = program.looks()
    if one.due.without(looks) == other.due.without(looks):
        assert one.without(looks) == other.without(looks)
    assert one == one.due
    assert other == other.due


@given(program=programs(NODES[:1]))
@settings(max_examples=FULL // 4)
def test_windows_give_the_same(lab, windows, program):
    check_each(lab, windows, program)


@given(program=refused(NODES[:1]))
@settings(max_examples=FULL // 8)
def test_windows_refuse_the_same(lab, windows, program):
    check_each(lab, windows, program)


@given(program=large(NODES[:1]))
@settings(max_examples=FULL // 50)
def test_windows_map_the_same_around_a_pmd(lab, windows, program):
    check_each(lab, windows, program)
