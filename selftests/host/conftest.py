"""What tests without a machine share: the agent, as an ordinary process; labs."""

import pytest

from mmapkit.content import pattern
from mmapkit.lab import Lab
from mmapkit.machine import Machines
from mmapkit.machine.image import build_agent
from mmapkit.machine.local import LocalMachine
from mmapkit.model import Model
from mmapkit.setup import ROOT
from mmapkit.target import Node, Patterned, Target, Window

from .labs import FakeMachine
from .test_model import TARGET as PHYSICAL

SIZE = 64 << 10


@pytest.fixture(scope="session")
def agent_file():
    return build_agent(ROOT / "selftests" / "agent")


@pytest.fixture
def machine(agent_file):
    """This machine, without any driver."""
    machine = LocalMachine(agent_file, None, 0)
    yield machine
    machine.close()


@pytest.fixture
def target(tmp_path):
    """A file that stands for a device: 64 KiB of pattern, and then nothing."""
    file = tmp_path / "device"
    file.write_bytes(pattern(SIZE, 0, 0))
    window = Window("arena", 0, SIZE, Patterned(), writable=True)
    return Target((Node(str(file), "file"),), (window,), SIZE)


@pytest.fixture
def model(target):
    return Model(target)


@pytest.fixture
def fleet():
    return []


@pytest.fixture
def make(fleet, tmp_path):
    """Make a lab on fake machines; scripts: what the first of them answer."""

    def lab(*scripts, target=PHYSICAL, journal=None, read=None, strict=False):
        def start(number):
            say = scripts[number - 1] if number <= len(scripts) else None
            # Labs that share a list of machines number them in it.
            fleet.append(FakeMachine(len(fleet) + 1, say, target))
            return fleet[-1]

        machines = Machines(start, lambda line: None)
        read = read or (lambda machine: target)
        return Lab(machines, read, journal or tmp_path / "journal", strict=strict)

    return lab
