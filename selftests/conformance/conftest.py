"""What the claims share: each window, a program with its outcome, regions."""

from functools import partial

import pytest

from mmapkit.control import Control
from mmapkit.grammar import parse_program
from mmapkit.plugin_subjects import subjects_of
from mmapkit.program import Program
from mmapkit.targets import regions
from mmapkit.verdict import Outcome, Verdict

REMAP, FAULT = WINDOWS = ("/dev/memphys/remap", "/dev/memphys/fault")


def pytest_generate_tests(metafunc):
    if "node" in metafunc.fixturenames:
        subjects = subjects_of(metafunc.config)
        paths = [s.path for s in subjects if s.window] if subjects else WINDOWS
        ids = [path.rpartition("/")[2] for path in paths]
        metafunc.parametrize("node", paths, ids=ids, indirect=True)


@pytest.fixture
def node(request):
    """The path of a window that claims are about, each in turn."""
    return request.param


@pytest.fixture
def other(node):
    """The path of a window of the reference that node is not."""
    return FAULT if node == REMAP else REMAP


@pytest.fixture(scope="session")
def pairs(subjects):
    """Return the pairs of the methods that claims are about, as the driver says."""
    return partial(regions.pairs, subjects=subjects)


@pytest.fixture
def check(lab):
    """Run a program, and expect what the model expects; returns the results."""

    def run(text):
        outcome = lab.run(parse_program(text))
        assert outcome == outcome.due
        return [str(result) for result in outcome.results]

    return run


#: let allocations that may sleep fail, and single pages, and say nothing of it
SWITCHES = {
    "failslab/ignore-gfp-wait": "N",
    "failslab/verbose": "0",
    "fail_page_alloc/ignore-gfp-wait": "N",
    "fail_page_alloc/min-order": "0",
    "fail_page_alloc/verbose": "0",
}


@pytest.fixture(scope="session")
def let_fail(lab):
    """Return what lets all allocations of a machine fail by fail-nth."""
    (result,) = lab.run_raw(parse_program("fail-nth 0\n")).results
    if str(result) == "ENOENT":
        pytest.skip("the kernel has no CONFIG_FAULT_INJECTION (--kernel=debug has)")

    def let_fail(machine):
        for switch, value in SWITCHES.items():
            machine.put(f"/sys/kernel/debug/{switch}", value)

    return let_fail


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
