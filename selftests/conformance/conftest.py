"""What the claims share: every claim is made about each window."""

import pytest

from mmapkit.grammar import parse_program


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
