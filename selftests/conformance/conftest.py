"""What the claims share: each window, a program with its outcome, regions."""

import pytest

from mmapkit.control import Control
from mmapkit.grammar import parse_program
from mmapkit.program import Program
from mmapkit.verdict import Outcome, Verdict


@pytest.fixture(params=["remap", "fault"])
def node(request):
    """The path of a window, each in turn."""
    return f"/dev/memphys/{request.param}"


@pytest.fixture
def other(node):
    """The path of the window that node is not."""
    return {
        "/dev/memphys/remap": "/dev/memphys/fault",
        "/dev/memphys/fault": "/dev/memphys/remap",
    }[node]


@pytest.fixture
def check(lab):
    """Run a program, and expect what the model expects; returns the results."""

    def run(text):
        outcome = lab.run(parse_program(text))
        assert outcome == outcome.due
        return [str(result) for result in outcome.results]

    return run


@pytest.fixture
def machine(lab):
    """The machine of the control plane; modules with a lab of their own say which."""
    return lab.machine


@pytest.fixture
def control(machine):
    """The control plane; what a test has made goes away, and nothing complains."""
    with Control(machine) as control:
        before = {region.name for region in control.regions()}
        yield control
        for region in control.regions():
            if region.name not in before:
                control.region_del(region.name, revoke=True)
    assert machine.run(Program(())) == Outcome((), Verdict.OK)
