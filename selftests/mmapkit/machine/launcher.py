"""Which virtual machine to start, and when."""

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from mmapkit.errors import MachineError, MachineLost
from mmapkit.machine.command import Config
from mmapkit.machine.qemu import QemuMachine, Stage, spawn


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

    The first one boots. It is saved before anybody has used it, and the others go
    on from there: what takes seconds to boot is there in half of one.
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
        self._saved: BinaryIO | None = None
        self._saves = True
        self._stage = Stage()
        report(f"accelerator {name}: {reason}")

    def _greet(self, saved: BinaryIO | None = None) -> QemuMachine:
        """Return a new machine; its console goes to a file of the results folder."""
        number = next(self._numbers)
        console = self._results / f"machine-{number}.console.log"
        return spawn(self._config, number, console, saved).greet(self._stage)

    def start(self, _number: int) -> QemuMachine:
        """Return a machine that nobody has used."""
        if self._saved is not None:
            try:
                return self._greet(self._saved)
            except MachineError as err:
                self._give_up_saving(f"a saved machine does not go on: {err}")
        machine = self._boot()
        if self._saves:
            try:
                self._saved = machine.save()
            except MachineError as err:
                self._give_up_saving(str(err))
                machine.close()
                machine = self._boot()
        return machine

    def _give_up_saving(self, reason: str) -> None:
        self._report(f"each machine boots from now on: {reason}")
        self.close()
        self._saves = False

    def _boot(self) -> QemuMachine:
        try:
            return self._greet()
        except MachineError as err:
            if self._config.accelerator == "kvm":
                self._config = replace(self._config, accelerator="tcg")
                self._report(f"accelerator tcg: a guest does not start by KVM: {err}")
            elif _ended(err):
                # No program has met it. TCG lets a guest down now and then.
                self._report(f"a guest died while it booted, another starts: {err}")
            else:
                raise
            return self._greet()

    def close(self) -> None:
        """Forget the machine that was saved."""
        if self._saved is not None:
            self._saved.close()
            self._saved = None
