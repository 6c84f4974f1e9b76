"""All programs that cut mappings up, for every pair of method and backing.

host/test_model_linux.py has the same for no driver at all: the model has to be right
about anonymous memory and memfd before it may judge others.
"""

import pytest
from hypothesis import given, settings

from mmapkit.strategies import Shape, choices
from mmapkit.strategies.surgery import surgery
from mmapkit.targets.regions import SIZE

FULL = settings.default.max_examples
ANY = ("/dev/memphys/any",)
SHAPE = Shape(window=None, size=SIZE)


@given(program=surgery(ANY, SHAPE), choice=choices)
@settings(max_examples=FULL // 2)
def test_pairs_follow_the_model_when_cut_up(regions, follow, program, choice):
    nodes = [node for node in regions.target.nodes if node.size == SIZE]
    if not nodes:
        pytest.skip("nothing in question is of such a size")
    path = nodes[choice % len(nodes)].path
    follow(regions, program.retarget(lambda _: path))
