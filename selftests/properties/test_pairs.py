"""All programs: every pair of method and backing does what the model says.

Which pairs there are is for the driver to say when the machine is up, so a
program is drawn for a file that stands for any of them, and two pairs with it.
"""

import pytest
from hypothesis import given, settings

from mmapkit.strategies import Shape, choices, large, programs, refused
from mmapkit.targets.regions import HUGE_SIZE, SIZE

FULL = settings.default.max_examples

ANY = ("/dev/memphys/any",)
SHAPE = Shape(window=None, size=SIZE)
LARGE = Shape(window=None, size=HUGE_SIZE)


def check_two(lab, nodes, program, choice):
    """Run a program on two of the nodes.

    Where the model tells them apart, one of them has memory of its own for each
    mapping, or forks otherwise.
    """
    quotient, first = divmod(choice, len(nodes))
    second = (first + 1 + quotient % max(1, len(nodes) - 1)) % len(nodes)
    outcomes = lab.run_all(
        [program.retarget(lambda _, n=n: nodes[n].path) for n in (first, second)],
        quick=True,
    )
    for outcome in outcomes:
        assert outcome == outcome.due
    one, other = outcomes
    looks = program.looks()
    if one.due.without(looks) == other.due.without(looks):
        assert one.without(looks) == other.without(looks)


def of_size(lab, size):
    nodes = [node for node in lab.target.nodes if node.size == size]
    return nodes or pytest.skip("nothing in question is of such a size")


@given(program=programs(ANY, SHAPE), choice=choices)
@settings(max_examples=FULL)
def test_pairs_follow_the_model_and_agree(regions, program, choice):
    check_two(regions, of_size(regions, SIZE), program, choice)


@given(program=refused(ANY, SHAPE), choice=choices)
@settings(max_examples=FULL // 8)
def test_pairs_refuse_the_same(regions, program, choice):
    check_two(regions, of_size(regions, SIZE), program, choice)


@given(program=large(ANY, LARGE), choice=choices)
@settings(max_examples=FULL // 25)
def test_pairs_that_map_huge_pages_agree(regions, program, choice):
    check_two(regions, of_size(regions, HUGE_SIZE), program, choice)
