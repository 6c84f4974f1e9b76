"""Which virtual machine to start, and when."""

import itertools
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from mmapkit.errors import MachineError, MachineLost
from mmapkit.machine.qemu import Config, QemuMachine, Stage, Starting, spawn


def choose_accelerator(cpuinfo: str, kvm: Path = Path("/dev/kvm")) -> tuple[str, str]:
    """Return "kvm" or "tcg", and why.

    A /dev/kvm that opens is no proof: on a para-virtual host an ordinary guest
    dies half-way through its boot. A real one shows in the CPU's flags.
    """
    flags = set()
    for line in cpuinfo.splitlines():
        if line.startswith("flags"):
            flags = set(line.split())
            break
    if not flags & {"vmx", "svm"}:
        return "tcg", "no vmx or svm in /proc/cpuinfo"
    if not os.access(kvm, os.R_OK | os.W_OK):
        return "tcg", f"{kvm} cannot be opened"
    return "kvm", f"{kvm} and the CPU's flags"


def _ended(err: MachineError) -> bool:
    """Tell whether a guest came to its end before it greeted."""
    cause = err.__cause__
    return isinstance(cause, MachineLost) and not cause.silent


class Launcher:
    """Starts machines of one configuration, by KVM where that works.

    Once a machine has had to be replaced, one more is kept booting beside the
    one in use: where one died, others will.
    """

    def __init__(
        self,
        config: Config,
        accelerator: tuple[str, str],
        results: Path,
        report: Callable[[str], None],
    ) -> None:
        """accelerator: its name, and why it was chosen."""
        name, reason = accelerator
        self._config = replace(config, accelerator=name)
        self._results = results
        self._report = report
        self._numbers = itertools.count(1)
        self._spare: Starting | None = None
        self._stage = Stage()
        report(f"accelerator {name}: {reason}")

    def _spawn(self) -> Starting:
        """Start a machine; its console goes to a file of the results folder."""
        number = next(self._numbers)
        console = self._results / f"machine-{number}.console.log"
        return spawn(self._config, number, console)

    def start(self, turn: int) -> QemuMachine:
        """Return a machine; turn counts those that one user has had, from 1."""
        machine = self._reserve() or self._fresh()
        if turn > 1:
            with ExitStack() as undo:
                undo.callback(machine.close)
                self._spare = self._spawn()
                undo.pop_all()
        return machine

    def _reserve(self) -> QemuMachine | None:
        """Return the machine in reserve, None when there is none or it has died."""
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        try:
            return spare.greet(self._stage, reserve=True)
        except MachineError as err:
            self._report(f"the machine in reserve is dead, another starts: {err}")
            return None

    def _fresh(self) -> QemuMachine:
        try:
            return self._spawn().greet(self._stage)
        except MachineError as err:
            if self._config.accelerator == "kvm":
                self._config = replace(self._config, accelerator="tcg")
                self._report(f"accelerator tcg: a guest does not start by KVM: {err}")
            elif _ended(err):
                # No program has met it. TCG lets a guest down now and then.
                self._report(f"a guest died while it booted, another starts: {err}")
            else:
                raise
            return self._spawn().greet(self._stage)

    def close(self) -> None:
        """End the machine that was kept in reserve."""
        if self._spare is not None:
            self._spare.discard()
            self._spare = None
