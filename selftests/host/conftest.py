"""What tests without a machine share: the agent, as an ordinary process."""

import pytest

from mmapkit.content import pattern
from mmapkit.machine.image import build_agent
from mmapkit.machine.local import LocalMachine
from mmapkit.model import Model
from mmapkit.setup import ROOT
from mmapkit.target import Node, Patterned, Target, Window

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
