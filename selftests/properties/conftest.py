"""What the properties share."""

import pytest

REMAP, FAULT = "/dev/memphys/remap", "/dev/memphys/fault"


@pytest.fixture(scope="session")
def windows(subjects):
    """Two windows on one memory: of the reference, and the one in question."""
    paths = [subject.path for subject in subjects if subject.window]
    if subjects and not paths:
        pytest.skip("nothing in question has a window")
    return REMAP, paths[-1] if paths else FAULT
