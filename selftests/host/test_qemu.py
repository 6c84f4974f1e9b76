"""The virtual machine as data: its command line, its accelerator, its initramfs."""

import subprocess
import tempfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmapkit.errors import MachineError, MachineLost
from mmapkit.machine import command, launcher, qemu
from mmapkit.machine.command import Config, argv, command_line
from mmapkit.machine.launcher import Launcher, choose_accelerator
from mmapkit.machine.qemu import QemuMachine, Stage, spawn
from mmapkit.verdict import Finding, Outcome, Verdict

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
    assert "panic_print=0x40" in command_line(CONFIG).split()


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
        monkeypatch.setattr(command, "BINARY", str(file))

    return make


def test_machine_that_does_not_start_says_why(stub, tmp_path):
    stub("echo cannot find the kernel >&2; exit 1")
    with pytest.raises(MachineError, match="cannot find the kernel") as caught:
        spawn(CONFIG, 1, tmp_path / "console").greet(Stage())
    assert "-kernel /k/vmlinux" in str(caught.value)


def test_machine_that_says_nothing_is_given_up(stub, tmp_path):
    stub("exec sleep 60")
    with pytest.raises(MachineError, match="the agent is silent"):
        spawn(replace(CONFIG, patience=0.3), 1, tmp_path / "console").greet(Stage())


def test_launcher_falls_back_from_kvm(stub, tmp_path):
    stub('case "$*" in *"-accel kvm"*) echo no kvm >&2;; *) echo no tcg >&2;; esac')
    said = []
    launcher = Launcher(CONFIG, ("kvm", "a guess"), tmp_path, said.append)
    with pytest.raises(MachineError, match="no tcg"):
        launcher.start(1)
    assert said[0] == "accelerator kvm: a guess"
    assert said[1].startswith("accelerator tcg: a guest does not start by KVM")
    assert "no kvm" in said[1]


@pytest.fixture
def leftovers(tmp_path, monkeypatch):
    """Return what tells of folders and processes that were left behind."""
    folders = tmp_path / "folders"
    folders.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folders))
    processes = []
    popen = subprocess.Popen

    def remember(*args, **kwargs):
        processes.append(popen(*args, **kwargs))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", remember)
    return lambda: (list(folders.iterdir()), [p for p in processes if p.poll() is None])


def test_command_that_is_not_there_leaves_nothing_behind(
    leftovers, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    with pytest.raises(MachineError, match="setpriv cannot start QEMU"):
        spawn(CONFIG, 1, tmp_path / "console")
    assert leftovers() == ([], [])


# An agent on the descriptor of the port that says hello, and nothing on QMP.
GREETING = """
for word; do case "$word" in socket,id=agent,fd=*) fd=${word##*=};; esac; done
echo "hello 2 release=6 machine=x page=4096 cpus=1 fault_ns=1 scale=1" >&$fd
"""


def test_monitor_that_does_not_answer_leaves_nothing_behind(stub, leftovers, tmp_path):
    stub(f"{GREETING}\nexit 0")
    with pytest.raises(MachineError, match="the machine did not start"):
        spawn(CONFIG, 1, tmp_path / "console").greet(Stage())
    assert leftovers() == ([], [])


class FakeStarting:
    """A machine that starts or does not; the first of them can be saved, or not."""

    def __init__(self, number, saved, alive, silent, saves):
        self.number = number
        self.saved = saved
        self.alive = alive
        self.silent = silent
        self.saves = saves
        self.closed = False

    def greet(self, stage):
        if not self.alive:
            gone = MachineLost("the agent is gone", silent=self.silent)
            raise MachineError(f"machine {self.number} did not start") from gone
        return self

    def save(self):
        if not self.saves:
            raise MachineError("the machine cannot be saved: no")
        return BytesIO(b"machine %d" % self.number)

    def close(self):
        self.closed = True


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return what starts machines, those of some numbers dead; and what it says."""

    def make(*dead, accelerator="tcg", silent=True, saves=True):
        said = []
        monkeypatch.setattr(
            launcher,
            "spawn",
            lambda config, n, console, saved: FakeStarting(
                n, saved, n not in dead, silent, saves
            ),
        )
        starts = Launcher(CONFIG, (accelerator, "a guess"), tmp_path, said.append)
        return starts.start, said

    return make


def test_first_machine_boots_and_the_others_go_on_from_it(start):
    start, _ = start()
    first, *others = (start(turn) for turn in (1, 2, 3))
    assert first.saved is None
    assert [other.saved.getvalue() for other in others] == [b"machine 1"] * 2
    assert not first.closed


def test_machine_that_cannot_be_saved_is_replaced_once_and_told(start):
    start, said = start(saves=False)
    machines = [start(turn) for turn in (1, 2, 3)]
    assert [machine.number for machine in machines] == [2, 3, 4]
    assert all(machine.saved is None for machine in machines)
    assert said[1:] == [
        "each machine boots from now on: the machine cannot be saved: no"
    ]


@pytest.mark.parametrize("accelerator", ["tcg", "kvm"])
def test_machine_that_does_not_go_on_is_booted_and_told(start, accelerator):
    start, said = start(2, accelerator=accelerator)
    machines = [start(turn) for turn in (1, 2, 3)]
    assert [machine.number for machine in machines] == [1, 3, 4]
    assert [machine.saved for machine in machines] == [None] * 3
    assert said[1:] == [
        "each machine boots from now on: a saved machine does not go on: "
        "machine 2 did not start"
    ]


def test_argv_goes_on_from_a_descriptor():
    assert "-incoming" not in words()
    going_on = argv(CONFIG, Path("/r/console"), Path("/t/bar"), 7, 8, 9)
    assert after("-incoming", going_on) == ["fd:9"]


def test_guest_that_died_while_it_booted_is_replaced_once_and_told(start):
    begin, said = start(1, silent=False)
    assert begin(1).number == 2
    assert said[1:] == [
        "a guest died while it booted, another starts: machine 1 did not start"
    ]
    begin, _ = start(1, 2, silent=False)
    with pytest.raises(MachineError, match="machine 2"):
        begin(1)


def test_guest_that_never_greets_is_an_error(start):
    begin, _ = start(1)
    with pytest.raises(MachineError, match="machine 1"):
        begin(1)


INT3 = Outcome(
    (),
    Verdict.PANIC,
    findings=(Finding("oops", "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI"),),
)


@pytest.mark.parametrize(("accelerator", "excused"), [("tcg", True), ("kvm", False)])
def test_breakpoint_in_the_kernel_is_no_driver_s_under_tcg(accelerator, excused):
    machine = SimpleNamespace(config=SimpleNamespace(accelerator=accelerator))
    assert bool(QemuMachine.excuse(machine, INT3)) == excused
    other = replace(INT3, findings=(Finding("oops", "Oops: 0000 [#1] SMP"),))
    assert not QemuMachine.excuse(machine, other)


class Actor:
    """Stands for a machine, and keeps what its monitor is told."""

    def __init__(self):
        self.told = []

    def tell_monitor(self, command):
        self.told.append(command)


def test_machine_that_is_needed_runs_and_the_one_before_stands_still():
    stage, first, second = Stage(), Actor(), Actor()
    for machine in (first, first, second, second, first):
        stage.enter(machine)
    assert first.told == ["stop", "cont"]
    assert second.told == ["cont", "stop"]


def test_machine_that_is_alone_is_told_nothing():
    stage, only = Stage(), Actor()
    stage.enter(only)
    stage.enter(only)
    assert only.told == []


@pytest.fixture
def replay(monkeypatch, tmp_path):
    """Return what a replay makes of what a console has at its end."""

    def of(*lines):
        monkeypatch.setattr(qemu.image, "add_cases", lambda *_: tmp_path / "initrd")
        monkeypatch.setattr(qemu, "run_alone", lambda *_: lines)
        machine = QemuMachine(
            CONFIG, 1, tmp_path / "console", tmp_path, None, None, None, "ready"
        )
        return machine.replay(())

    return of


def test_replay_is_what_the_agent_prints(replay):
    told = replay("[    1.500000] KTAP version 1", "KTAP version 1", "1..1", "ok 1 a")
    assert told == ("KTAP version 1", "1..1", "ok 1 a")
