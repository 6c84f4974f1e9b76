"""The virtual machine as data: its command line, its accelerator, its initramfs."""

from pathlib import Path

import pytest

from mmapkit.errors import MachineError
from mmapkit.machine import qemu
from mmapkit.machine.launcher import Launcher, choose_accelerator
from mmapkit.machine.qemu import Config, argv, command_line, spawn

CONFIG = Config(Path("/k/vmlinux"), Path("/k/initrd"))


def words(config=CONFIG):
    return argv(config, Path("/r/console"), Path("/t/bar"), 7, 8)


def after(option, found):
    return [found[i + 1] for i, word in enumerate(found) if word == option]


def test_argv_boots_kernel_and_initrd():
    found = words()
    assert found[0] == "qemu-system-x86_64"
    assert after("-kernel", found) == ["/k/vmlinux"]
    assert after("-initrd", found) == ["/k/initrd"]
    assert after("-append", found) == [command_line(CONFIG)]


def test_argv_ends_the_machine_instead_of_resetting_it():
    assert "-no-reboot" in words()
    assert "panic=-1" in command_line(CONFIG).split()
    assert "oops=panic" in command_line(CONFIG).split()


def test_argv_passes_the_descriptors():
    chardevs = after("-chardev", words())
    assert chardevs == ["socket,id=qmp,fd=7", "socket,id=agent,fd=8"]


def test_argv_takes_kvm_with_the_host_cpu():
    from dataclasses import replace

    found = words(replace(CONFIG, accelerator="kvm"))
    assert after("-accel", found) == ["kvm"]
    assert after("-cpu", found) == ["host"]
    assert after("-accel", words()) == ["tcg,thread=multi"]


def test_argv_backs_the_bar_by_a_file():
    assert after("-object", words()) == [
        "memory-backend-file,id=bar,share=on,mem-path=/t/bar,size=4194304"
    ]
    from dataclasses import replace

    assert after("-object", words(replace(CONFIG, bar=0))) == []


def test_command_line_keeps_ram_from_the_kernel():
    assert "memmap=0x200000$0x10000000" in command_line(CONFIG).split()
    from dataclasses import replace

    assert "memmap" not in command_line(replace(CONFIG, reserved=(0, 0)))


def test_command_line_fits_what_x86_reads():
    assert len(command_line(CONFIG)) < 2048


@pytest.fixture
def kvm(tmp_path):
    file = tmp_path / "kvm"
    file.touch()
    return file


@pytest.mark.parametrize("flag", ["vmx", "svm"])
def test_kvm_is_chosen_where_cpu_and_device_are_there(kvm, flag):
    assert choose_accelerator(f"flags\t\t: fpu {flag} sse\n", kvm)[0] == "kvm"


def test_device_alone_is_no_reason_for_kvm(kvm):
    name, reason = choose_accelerator("flags\t\t: fpu sse svmnot\n", kvm)
    assert name == "tcg"
    assert "vmx" in reason


def test_cpu_alone_is_no_reason_for_kvm(tmp_path):
    name, reason = choose_accelerator("flags\t\t: vmx\n", tmp_path / "none")
    assert name == "tcg"
    assert "cannot be opened" in reason


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Put a shell script in the place of QEMU."""

    def make(text):
        file = tmp_path / "stub"
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
        monkeypatch.setattr(qemu, "BINARY", str(file))

    return make


def test_machine_that_does_not_start_says_why(stub, tmp_path):
    stub("echo cannot find the kernel >&2; exit 1")
    with pytest.raises(MachineError, match="cannot find the kernel") as caught:
        spawn(CONFIG, 1, tmp_path / "console").greet()
    assert "-kernel /k/vmlinux" in str(caught.value)


def test_machine_that_says_nothing_is_given_up(stub, tmp_path, monkeypatch):
    monkeypatch.setattr(qemu, "BOOT", 0.3)
    stub("exec sleep 60")
    with pytest.raises(MachineError, match="the agent is silent"):
        spawn(CONFIG, 1, tmp_path / "console").greet()


def test_launcher_falls_back_from_kvm(stub, tmp_path):
    stub('case "$*" in *"-accel kvm"*) echo no kvm >&2;; *) echo no tcg >&2;; esac')
    said = []
    launcher = Launcher(CONFIG, ("kvm", "a guess"), tmp_path, said.append)
    with pytest.raises(MachineError, match="no tcg"):
        launcher.start(1)
    assert said[0] == "accelerator kvm: a guess"
    assert said[1].startswith("accelerator tcg: a guest does not start by KVM")
    assert "no kvm" in said[1]
