"""All programs with tasks that go on at once: what they do comes one after the other.

Every pair of method and backing has its turn, drawn with the program; the two
windows share one program, and with it the memory.
"""

import pytest
from hypothesis import given, settings

from mmapkit.strategies import Shape, choices, crowds
from mmapkit.targets.regions import SIZE

FULL = settings.default.max_examples

#: what stands for the two of the fixture
NODES = ("first", "second")


@given(program=crowds(NODES))
@settings(max_examples=FULL // 10)
def test_blocks_on_both_windows_come_to_some_order(lab, windows, program):
    paths = dict(zip(NODES, windows, strict=True))
    outcome = lab.run(program.retarget(paths.__getitem__), quick=True)
    assert outcome == outcome.due


@given(program=crowds(["any"], Shape(window=None, size=SIZE)), choice=choices)
@settings(max_examples=FULL // 4)
def test_blocks_on_every_pair_come_to_some_order(regions, program, choice):
    nodes = [node for node in regions.target.nodes if node.size == SIZE]
    if not nodes:
        pytest.skip("nothing in question is of such a size")
    node = nodes[choice % len(nodes)]
    outcome = regions.run(program.retarget(lambda _: node.path), quick=True)
    assert outcome == outcome.due
