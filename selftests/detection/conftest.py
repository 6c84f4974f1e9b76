"""A lab whose machines have the faulty methods loaded."""

from dataclasses import replace

import pytest

from mmapkit.errors import MachineError
from mmapkit.target import Node
from mmapkit.targets.memphys import read_target

METHODS = (
    "busy",
    "freed",
    "nopage",
    "oops",
    "original",
    "page-io",
    "retry",
    "shared-prot",
    "sleep",
    "stuck",
    "swapped",
    "unlocked",
    "warn",
)


def read_faulty_target(machine):
    """Load the faulty methods, and return the target with their nodes."""
    answer = machine.insmod("memphys_faulty", "disposable=1")
    if answer != "ok":
        raise MachineError(f"insmod memphys_faulty: {answer}")
    target = read_target(machine)
    faulty = tuple(
        Node(
            f"/dev/memphys/{name}",
            name,
            tracked=name == "shared-prot",
            pages=name in ("original", "page-io"),
        )
        for name in METHODS
    )
    return replace(target, nodes=target.nodes + faulty)


@pytest.fixture(scope="module")
def faulty(make_lab):
    lab = make_lab(read_faulty_target)
    yield lab
    lab.close()
