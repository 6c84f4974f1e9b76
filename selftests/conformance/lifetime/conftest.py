"""What claims about the life of regions share.

They are made about a region of every pair of method and backing that the driver
offers, one subtest a pair. Requests are part of the programs, so they come while
files are open and mapped.

every is for programs that the model can follow; trials and run, on a machine of
their own with region r0, for those that ask the driver for more.
"""

from contextlib import contextmanager

import pytest

from mmapkit.control import Backing, Command
from mmapkit.grammar import parse_program
from mmapkit.targets.memphys import read_target
from mmapkit.targets.regions import make
from mmapkit.text import format_operation

#: bytes of region r0
SIZE = 0x8000


@pytest.fixture
def every(small_regions, subjects, subtests):
    """Return a subtest for each pair: what runs a program on {node}, its region.

    The outcome is what the model says; the results are for the claim.
    """

    @contextmanager
    def trial(node):
        def run(text):
            program = parse_program(text.format(node=node.path))
            outcome = small_regions.run(program)
            assert outcome == outcome.due
            return [str(result) for result in outcome.results]

        with subtests.test(node.path):
            yield run

    def every(wanted=lambda node: True):
        nodes = [node for node in small_regions.target.nodes if node.removable]
        chosen = [node for node in nodes if wanted(node)]
        assert chosen or subjects
        if not chosen:
            pytest.skip("no method in question has such a region")
        return map(trial, chosen)

    return every


@pytest.fixture(scope="package")
def own(make_lab):
    lab = make_lab(read_target)
    yield lab
    lab.close()


@pytest.fixture
def machine(own):
    return own.machine


@pytest.fixture
def trials(own, control, pairs, subjects, subtests):
    """Return a subtest for each pair that the driver offers: region r0 is of it."""

    @contextmanager
    def trial(pair):
        with subtests.test(pair.name):
            make(control, own.target, pair, "r0", SIZE)
            try:
                yield pair
            finally:
                if "r0" in [region.name for region in control.regions()]:
                    control.region_del("r0", revoke=True)

    def trials(wanted=lambda pair: True):
        chosen = [pair for pair in pairs(control) if wanted(pair)]
        assert chosen or subjects
        if not chosen:
            pytest.skip("no method in question has such a region")
        return map(trial, chosen)

    return trials


class Runner:
    """Runs programs in which {delete} and the like stand for requests.

    {node} is the path of region r0.
    """

    def __init__(self, lab, control):
        self._lab = lab
        self._control = control
        self._words = {
            "node": "/dev/memphys/r0",
            "delete": self.request(Command.REGION_DEL, name="r0"),
            "revoke": self.request(Command.REGION_DEL, name="r0", revoke=True),
        }

    def __call__(self, text):
        program = parse_program(text.format(**self._words))
        return [str(result) for result in self._lab.run_raw(program).results]

    def request(self, command, **attributes):
        return format_operation(self._control.program_request(command, **attributes))

    def make(self, name, pair):
        """Return the request that makes a region as r0 is, with another name."""
        phys = pair.backing is Backing.PHYS
        return self.request(
            Command.REGION_NEW,
            name=name,
            backing=pair.backing.value,
            method=pair.method.name,
            size=SIZE,
            lifetime=pair.lifetime.value,
            base=self._lab.target.window("arena").base if phys else None,
        )


@pytest.fixture
def run(own, control):
    return Runner(own, control)


@pytest.fixture
def in_use(control):
    """Return what others hold of region r0, whenever it is asked."""

    def held():
        counters = control.region("r0").counters
        return counters.opens, counters.vmas, counters.references or 0

    return held
