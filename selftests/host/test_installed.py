"""The suite as kselftest installs it: the agent and the modules that are there."""

import lzma

import pytest

from mmapkit import installed
from mmapkit.errors import KernelError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "lib/modules/9.8.7/kernel/drivers/misc/memphys"
    folder.mkdir(parents=True)
    return folder


def test_suite_with_its_agent_beside_it_is_installed(tmp_path):
    assert installed.agent(tmp_path) is None
    (tmp_path / installed.AGENT).touch()
    assert installed.agent(tmp_path) == tmp_path / installed.AGENT


def test_modules_are_those_of_the_kernel_unpacked(tmp_path, home):
    (home / "memphys.ko.xz").write_bytes(lzma.compress(b"driver"))
    (home / "memphys_faulty.ko").write_bytes(b"faulty")
    folder = installed.modules("9.8.7", tmp_path)
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert found == {"memphys.ko": b"driver", "memphys_faulty.ko": b"faulty"}


def test_kernel_without_the_driver_is_refused(tmp_path, home):
    (home / "memphys_faulty.ko").write_bytes(b"faulty")
    with pytest.raises(KernelError, match="needs CONFIG_MEMPHYS=m"):
        installed.modules("9.8.7", tmp_path)
