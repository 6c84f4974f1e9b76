"""What claims about the module share: a machine whose driver may come and go."""

import pytest

from mmapkit.grammar import parse_program
from mmapkit.targets.memphys import read_target


@pytest.fixture(scope="package")
def own(make_lab, lab):
    """A lab of one machine, whose driver may come and go."""
    if not lab.machine.host_files:
        pytest.skip("the driver stays loaded on a machine that is not thrown away")
    own = make_lab(read_target)
    yield own
    own.close()


@pytest.fixture
def machine(own):
    return own.machine


@pytest.fixture
def load(own):
    """Load the driver with other parameters; put the usual one back after."""
    assert own.machine.rmmod("memphys") == "ok"

    def insmod(args):
        return own.machine.insmod("memphys", args)

    yield insmod
    own.reload()


@pytest.fixture
def answers(own):
    """Run a program; returns the results as text."""

    def answers(text):
        return [str(result) for result in own.run_raw(parse_program(text)).results]

    return answers
