"""What the target reads off a machine, and from where: never from the driver."""

import pytest

from mmapkit.agent import Hello, Mode
from mmapkit.errors import TargetError
from mmapkit.program import Fork, Mmap, Open, Pread
from mmapkit.targets.memphys import NODES, _tracked_forks, _traits
from mmapkit.verdict import Data, Errno, Ok, Outcome, Verdict, Void

FILES = {
    "/proc/mounts": "proc /proc proc rw,noexec 0 0\n"
    "dev /dev devtmpfs rw,nosuid 0 0\nshm /dev/shm tmpfs rw,noexec 0 0\n",
    "/proc/cpuinfo": "processor : 0\nflags\t\t: fpu pat\n\n",
    "/proc/meminfo": "MemTotal:     1000 kB\nSwapTotal:      24 kB\n",
    "/proc/sys/vm/overcommit_memory": "0\n",
}

MAPPED = (Ok(), Ok(), Ok())
REFUSED = (Errno("EPERM"), Void(), Void())


class FakeMachine:
    """A machine of files, and of what private pages of /dev/mem do."""

    def __init__(self, files=None, release="6.1.0-56-amd64", arch="x86_64"):
        self.files = FILES | (files or {})
        self.hello = Hello(release, arch, 4096, 2, 1, 1)
        self.mem = Outcome((*REFUSED, Ok()))

    def run(self, program, mode=Mode.FRESH):
        if isinstance(program[0], Mmap):
            # Memory of nobody, on a kernel that knows all there is.
            return Outcome((Ok(),) * len(program))
        path = program[0].path
        assert path not in [node.path for node in NODES], "the driver was asked"
        if path == "/dev/mem":
            assert isinstance(program[-1], Fork)
            return self.mem
        return Outcome(tuple(self.answer(path, op) for op in program))

    def answer(self, path, op):
        if isinstance(op, Open):
            return Ok()
        assert isinstance(op, Pread)
        data = self.files[path].encode()
        return Data(data[op.off.delta : op.off.delta + op.len])


def test_traits_of_a_plain_machine():
    traits = _traits(FakeMachine())
    assert traits.exec_reads
    assert not traits.noexec
    assert traits.commit == 1024 << 10


def test_device_folder_that_is_mounted_noexec_is_seen():
    mounts = "dev /dev devtmpfs rw,nosuid,noexec,relatime 0 0\n"
    assert _traits(FakeMachine({"/proc/mounts": mounts})).noexec


@pytest.mark.parametrize("where", ["/", "/dev/memphys"])
def test_mount_that_holds_the_nodes_counts(where):
    mounts = f"a / ext4 rw 0 0\nb {where} tmpfs rw,noexec 0 0\n"
    assert _traits(FakeMachine({"/proc/mounts": mounts})).noexec


def test_last_of_two_mounts_at_one_place_counts():
    mounts = "a /dev tmpfs rw 0 0\nb /dev devtmpfs rw,noexec 0 0\n"
    assert _traits(FakeMachine({"/proc/mounts": mounts})).noexec


def test_protection_keys_in_use_make_exec_alone_unreadable():
    there = {"/proc/cpuinfo": "flags : fpu pku\n"}
    used = {"/proc/cpuinfo": "flags : fpu pku ospke avx\n"}
    assert _traits(FakeMachine(there)).exec_reads
    assert not _traits(FakeMachine(used)).exec_reads


@pytest.mark.parametrize("forked", [Ok(), Errno("ENOMEM")])
def test_dev_mem_tells_how_forks_end_where_it_may_be_mapped(forked):
    machine = FakeMachine(release="6.12.1")
    machine.mem = Outcome((*MAPPED, forked))
    assert _tracked_forks(machine) == (forked == Ok())


@pytest.mark.parametrize(
    ("release", "arch", "forks"),
    [
        ("6.1.0-56-amd64", "x86_64", False),
        ("6.15.9", "x86_64", False),
        ("6.16.0-rc1", "x86_64", True),
        ("7.3.0", "x86_64", True),
        ("6.1.0", "aarch64", True),
    ],
)
def test_kernel_tells_how_forks_end_where_dev_mem_does_not(release, arch, forks):
    assert _tracked_forks(FakeMachine(release=release, arch=arch)) is forks


@pytest.mark.parametrize("verdict", [Verdict.SPLAT, Verdict.LOST, Verdict.HANG])
def test_machine_in_trouble_has_no_traits(verdict):
    machine = FakeMachine()
    machine.mem = Outcome((*MAPPED, Ok()), verdict)
    with pytest.raises(TargetError, match=verdict.value):
        _traits(machine)
