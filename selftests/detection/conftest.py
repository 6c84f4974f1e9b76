"""A lab whose machines have the faulty methods loaded."""

from dataclasses import replace

import pytest

from detection.classes import BUGS
from mmapkit.errors import MachineError
from mmapkit.target import Node
from mmapkit.targets.memphys import read_target


def read_faulty_target(machine):
    """Load the faulty methods, and return the target with their nodes."""
    answer = machine.insmod("memphys_faulty", "disposable=1")
    if answer != "ok":
        raise MachineError(f"insmod memphys_faulty: {answer}")
    target = read_target(machine)
    faulty = tuple(
        Node(
            f"/dev/memphys/{bug.name}",
            bug.name,
            tracked=bug.kind == "remap",
            pages=bug.kind == "fault-page",
        )
        for bug in BUGS
        if not bug.is_device
    )
    return replace(target, nodes=target.nodes + faulty)


@pytest.fixture(scope="module")
def faulty(make_lab):
    lab = make_lab(read_faulty_target)
    yield lab
    lab.close()
