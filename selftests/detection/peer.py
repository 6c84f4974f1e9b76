"""Points the nearest peer at each bug: mm/pfnmap of the kernel's own selftests.

python -m detection.peer RESULTS [KERNEL [NAME...]]

The test is built from the kernel's source package for this, and not kept. Each bug
has a machine of its own, and the test is run on a region of every kind that the
method can have, up to the first that it does not pass. peer.jsonl in the folder
RESULTS has a line for each; detection.table makes a column of it.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from detection.classes import BUGS, RIGHT
from detection.ordinary import MODULE
from mmapkit import ktap, source
from mmapkit.build import command
from mmapkit.control import Control, MethodFlag
from mmapkit.errors import MachineError, MachineLost, MmapkitError
from mmapkit.machine import Machine, Machines, image
from mmapkit.machine.launcher import Launcher
from mmapkit.program import Program
from mmapkit.setup import Wanted, supply
from mmapkit.target import Node
from mmapkit.targets.memphys import read_target
from mmapkit.targets.regions import HUGE_SIZE, SIZE, make, pairs
from mmapkit.targets.subjects import Subject, parse_subject
from mmapkit.verdict import Verdict

FILE = "peer.jsonl"

#: seconds that kselftest gives a test (tools/testing/selftests/kselftest/runner.sh)
PATIENCE = 45

#: where the test is on a machine
_PATH = "/pfnmap"

#: from good to worst; of several nodes the worst one counts
PASSES, SKIPS, FAILS, DIES, HANGS, CRASHES = (
    *("passes", "skips", "fails", "dies", "hangs", "crashes"),
)
_ORDER = (SKIPS, PASSES, FAILS, DIES, HANGS, CRASHES)


@dataclass(frozen=True, slots=True)
class Told:
    """What the peer says of a subject.

    verdict: one of the words above. why: tests that failed, the reason to skip, the
    signal. kernel: what the kernel complained of meanwhile, which it does not read.
    """

    name: str
    verdict: str
    why: str = ""
    kernel: str = ""


def build(to: Path, report: source.Report) -> Path:
    """Build the test, statically; returns its file."""
    tree = source.fetch(report).folder / "tools"
    tests = tree / "testing" / "selftests"
    file = to / _PATH.lstrip("/")
    words = ["gcc", "-static", "-O2", "-D_GNU_SOURCE=", f"-I{tests}"]
    words += ["-isystem", str(tree / "include" / "uapi"), "-o", str(file)]
    command([*words, *(str(tests / "mm" / name) for name in ("pfnmap.c", "vm_util.c"))])
    return file


def judged(name: str, lines: Sequence[str]) -> Told:
    """Return what the lines that the test printed come to; the last one is its end."""
    *printed, end = lines
    how, _, rest = end.partition(" ")
    report = ktap.parse(printed)
    failed = [test.name for test in report.tests if test.status is ktap.Status.FAILED]
    skipped = next((line for line in printed if "# SKIP" in line), "")
    if how in ("never", "unkillable"):
        return Told(name, HANGS, "" if how == "never" else how)
    if how == "killed":
        return Told(name, DIES, rest)
    if how != "exited":
        raise MachineError(f"pfnmap on {name}: {end}")
    if rest == "0" and report.passed:
        return Told(name, PASSES)
    if rest == "4" and skipped:
        # "Invalid file: '/dev/x'. Not pfnmap'ed"
        reason = skipped.partition("# SKIP")[2].rpartition(". ")[2]
        return Told(name, SKIPS, reason.strip())
    names = (test.rpartition(".")[2] for test in failed)
    return Told(name, FAILS, ", ".join(names) or end)


def nodes(machine: Machine, subject: Subject) -> Iterator[str]:
    """Return the nodes of a subject, each made when it is asked for."""
    if subject.is_device:
        yield subject.path
        return
    target = read_target(machine)
    with Control(machine) as control:
        for pair in list(pairs(control, (subject,))):
            size = HUGE_SIZE if MethodFlag.HUGE in pair.method.flags else SIZE
            node: Node = make(control, target, pair, pair.name, size)[0]
            yield node.path


def _complaint(machine: Machine) -> str:
    outcome = machine.run(Program(()))
    titles = [finding.title for finding in outcome.findings]
    return "; ".join(titles) or ("" if outcome.verdict is Verdict.OK else "trouble")


def look(machine: Machine, subject: Subject) -> Told:
    """Run the peer on each node of a subject, up to one that it does not pass."""
    name = subject.path.rpartition("/")[2]
    worst = Told(name, SKIPS)
    try:
        for path in nodes(machine, subject):
            lines = machine.foreign([_PATH, "--", path], PATIENCE)
            told = judged(name, lines)
            if told.verdict not in (HANGS, CRASHES):
                told = replace(told, kernel=_complaint(machine))
            if not worst.why or _ORDER.index(told.verdict) > _ORDER.index(
                worst.verdict
            ):
                worst = told
            if told.verdict not in (PASSES, SKIPS) or told.kernel:
                return told
    except MachineLost as err:
        return Told(name, HANGS if err.silent else CRASHES, str(err))
    return worst


def measure(
    results: Path, kernel: str | None, names: Sequence[str], report: source.Report
) -> Iterator[Told]:
    """Return what the peer says of each bug, and of what is right."""
    texts = [bug.subject for bug in BUGS if not bug.debug]
    texts += [text for right in RIGHT for text in right]
    subjects = [
        subject
        for subject in map(parse_subject, texts)
        if not names or subject.path.rpartition("/")[2] in names
    ]
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        first = supply(Wanted(kernel=kernel), results, report)
        machine, _ = first.machines().current()
        config = machine.config
        machine.close()
        first.close()
        initrd = image.add_file(config.initrd, build(folder, report), folder)
        launcher = Launcher(
            replace(config, initrd=initrd),
            (config.accelerator, "as before"),
            results,
            report,
        )
        undo.callback(launcher.close)
        machines = Machines(launcher.start, lambda line: None)
        undo.callback(machines.close)
        for subject in subjects:
            machine, _ = machines.current()
            module, _, options = MODULE.partition(" ")
            answer = machine.insmod(module, options)
            if answer != "ok":
                raise MachineError(f"insmod {module}: {answer}")
            yield look(machine, subject)
            machines.discard()


def main(words: list[str]) -> int:
    """Measure, and write down what came of it."""
    if not words or words[0].startswith("-"):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    results = Path(words[0]).resolve()
    results.mkdir(parents=True, exist_ok=True)

    def report(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    kernel = words[1] if len(words) > 1 else None
    try:
        with (results / FILE).open("a") as file:
            for told in measure(results, kernel, words[2:], report):
                file.write(json.dumps(asdict(told)) + "\n")
                file.flush()
                report(f"{told.name}: {told.verdict} {told.why} {told.kernel}".rstrip())
    except MmapkitError as err:
        report(f"peer: {err}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
