"""What the properties share."""

import pytest
from hypothesis import reject

from mmapkit.errors import ModelError

REMAP, FAULT = "/dev/memphys/remap", "/dev/memphys/fault"


@pytest.fixture(scope="session")
def windows(subjects):
    """Two windows on one memory: of the reference, and the one in question."""
    paths = [subject.path for subject in subjects if subject.window]
    if subjects and not paths:
        pytest.skip("nothing in question has a window")
    return REMAP, paths[-1] if paths else FAULT


@pytest.fixture(scope="session")
def follow():
    """Run a program as the model says; one that it knows nothing of is no example."""

    def follow(lab, program):
        try:
            outcome = lab.run(program, quick=True)
        except ModelError:
            reject()
        assert outcome == outcome.due

    return follow
