"""All programs in which objects come and go, for every pair of method and backing.

A region is revoked while it is open, mapped, cut up, copied and forked, and made
again under the same name; also in the moment in which others touch it, map it and open
it. And the module is not unloaded while anybody has a use for it.
"""

import pytest
from hypothesis import given, settings

from mmapkit.strategies import Shape, choices, departures, unloading
from mmapkit.strategies.surgery import surgery
from mmapkit.targets.regions import SMALL_SIZE

FULL = settings.default.max_examples
ANY = ("/dev/memphys/any",)
SHAPE = Shape(window=None, size=SMALL_SIZE)


@given(program=surgery(ANY, SHAPE, lives=True), choice=choices)
@settings(max_examples=FULL // 4)
def test_pairs_follow_the_model_when_they_come_and_go(
    small_regions, follow, program, choice
):
    nodes = [node for node in small_regions.target.nodes if node.removable]
    if not nodes:
        pytest.skip("nothing in question has a region")
    path = nodes[choice % len(nodes)].path
    follow(small_regions, program.retarget(lambda _: path))


@given(program=departures(*ANY, SHAPE), choice=choices)
@settings(max_examples=FULL // 8)
def test_pairs_may_go_while_others_are_at_it(small_regions, follow, program, choice):
    nodes = [node for node in small_regions.target.nodes if node.removable]
    if not nodes:
        pytest.skip("nothing in question has a region")
    path = nodes[choice % len(nodes)].path
    follow(small_regions, program.retarget(lambda _: path))


@given(program=unloading(["/dev/memphys/remap", "/dev/memphys/fault"], "memphys"))
@settings(max_examples=FULL // 60)
def test_module_stays_as_long_as_anybody_needs_it(lab, follow, subjects, program):
    if subjects:
        pytest.skip("a module beside the driver holds it, too")
    if not lab.machine.host_files:
        pytest.skip("the driver stays loaded on a machine that is not thrown away")
    follow(lab, program)
