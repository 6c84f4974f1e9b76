"""Runs the ordinary suite about one subject, in a process of its own."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mmapkit import alarms
from mmapkit.plugin_alarms import FILE
from mmapkit.setup import ROOT

MODULE = "memphys_faulty disposable=1"

#: what is quick and about the subject alone first; then what has it drawn
ORDER = (
    "conformance/test_question.py",
    "conformance/test_regions.py",
    "conformance/test_cases.py",
    "conformance/test_shared.py",
    "conformance/test_private.py",
    "conformance/test_permission.py",
    "conformance/test_bounds.py",
    "conformance/test_identity.py",
    "conformance/test_differences.py",
    "conformance/test_together.py",
    "conformance/test_debugger.py",
    "conformance/test_kernel_access.py",
    "conformance/test_kernel_view.py",
    "conformance/test_unload.py",
    "conformance/lifetime",
    "conformance/test_real_memory.py",
    "conformance/test_map_count.py",
    "properties/test_pairs.py",
    "properties/test_surgery.py",
    "properties/test_windows.py",
    "properties/test_blocks.py",
)

#: files that say nothing of a subject, and why
APART = {
    "conformance/module": "about the driver's module and its own control plane",
    "conformance/test_control.py": "about netlink, whatever the method",
    "conformance/test_exhaustion.py": "needs fault injection; the debug run has it",
    "conformance/test_kunit.py": "runs inside of the kernel",
    "conformance/test_tracepoints.py": "about the driver's tracepoints",
    "conformance/test_who_allocates.py": "about backings, whatever the method",
    "properties/test_lifetimes.py": "takes the driver's module away",
    "properties/test_no_driver.py": "about memory of the kernel's own",
}

#: tests of these files that are about no subject
_DESELECTED = (
    "conformance/test_cases.py::test_agent_alone_says_the_same",
    "conformance/test_cases.py::test_agent_alone_runs_every_case",
    "conformance/test_permission.py::test_lockdown_closes_the_nodes",
)

#: seconds for a run, those of a kernel that looks for trouble, and for shrinking
BUDGET = 240
BUDGET_DEBUG = 900
SHRINK = 10

#: exit code of a run that was not done in time, as timeout(1) has it
TIMED_OUT = 124


@dataclass(frozen=True, slots=True)
class Run:
    """How a run of the suite ended, and what it has left behind."""

    status: int
    output: str
    alarms: tuple[alarms.Alarm, ...]


def run_suite(
    subjects: tuple[str, ...], results: Path, kernel: str | None, *, debug: bool
) -> Run:
    """Run the suite until the first alarm; its results stay in a folder."""
    suite = ROOT / "selftests"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    words += [str(suite / name) for name in ORDER]
    words += [f"--deselect=selftests/{name}" for name in _DESELECTED]
    words += [f"--subject={subject}" for subject in subjects]
    words += [f"--module={MODULE}", f"--results={results}", "--one-alarm"]
    # A bug that the suite warns of is found, too.
    words += ["--strict-grades"]
    words += [f"--shrink={SHRINK}", "--hypothesis-profile=detection"]
    if kernel:
        # A build tree may be named from where pytest was started.
        here = Path(kernel).resolve()
        words += [f"--kernel={here if here.is_dir() else kernel}"]
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    log = results / "output.txt"
    budget = BUDGET_DEBUG if debug else BUDGET
    with log.open("w") as out:
        try:
            status = subprocess.run(
                words,
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=budget,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            out.write(f"\nnot done after {budget} s\n")
            status = TIMED_OUT
    found = tuple(alarms.read(results / FILE))
    return Run(status, log.read_text(), found)
