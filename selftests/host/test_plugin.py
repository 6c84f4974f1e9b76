"""The plugin, as its user sees it: exit codes and words."""

import os
import re
import subprocess
import sys

import pytest

from mmapkit.setup import ROOT

FAILING = """
from mmapkit.verdict import Errno, Ok, Outcome, Verdict

def test_outcome():
    program = ("close f0",)
    assert Outcome((Errno("EBADF"),), program=program) == Outcome((Ok(),))
"""

USING = """
def test_lab(lab):
    pass
"""


@pytest.fixture
def run(tmp_path):
    """Run pytest with the plugin on a test, in a folder of its own."""

    def pytest_of(text, *options, **environment):
        (tmp_path / "test_it.py").write_text(text)
        argv = [sys.executable, "-m", "pytest", "-p", "mmapkit.plugin", *options]
        return subprocess.run(
            [*argv, "--rootdir", str(tmp_path), "-c", os.devnull, "test_it.py"],
            cwd=tmp_path,
            env=os.environ
            | {"PYTHONPATH": str(ROOT / "selftests"), "PYTHONDONTWRITEBYTECODE": "1"}
            | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return pytest_of


def test_check_that_fails_fails_the_run_and_shows_the_program(run):
    done = run(FAILING)
    assert done.returncode == 1
    assert "> close f0 => EBADF   # expected: ok" in done.stdout


def refused(done):
    """Return the reason why a run was refused: one line, exit code 2."""
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "Exit: memphys" in line]
    return line


def test_kernel_that_is_not_there_is_refused_in_one_line(run):
    line = refused(run(USING, "--kernel=5.4.321"))
    assert "no installed kernel 5.4.321" in line


def test_tree_that_is_not_there_is_refused_in_one_line(run, tmp_path):
    line = refused(run(USING, f"--kernel={tmp_path}/none"))
    assert "build the kernel there first" in line


def test_this_machine_is_not_used_without_a_yes(run):
    line = refused(run(USING, "--machine=local"))
    assert "--this-machine-is-disposable" in line


def test_results_in_a_file_are_refused_in_one_line(run, tmp_path):
    (tmp_path / "notes").touch()
    done = run(FAILING, "--results=notes")
    assert done.returncode == 2
    assert "is no folder" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_packages_that_are_missing_are_told_in_one_line(run, tmp_path):
    (tmp_path / "bin").mkdir()
    dpkg = tmp_path / "bin" / "dpkg-query"
    dpkg.write_text("#!/bin/sh\necho dpkg-query: no packages found; exit 1\n")
    dpkg.chmod(0o755)
    path = f"{dpkg.parent}:{os.environ['PATH']}"
    line = refused(run(USING, PATH=path, MEMPHYS_INSTALL="no"))
    assert "apt-get install --no-install-recommends" in line
    assert "qemu-system-x86" in line


def test_tests_that_need_no_machine_start_none(run, tmp_path):
    done = run("def test_nothing():\n    pass\n")
    assert done.returncode == 0
    assert "machines; consoles" not in done.stdout


def test_results_of_tests_are_kept_as_junit_xml(run, tmp_path):
    run(FAILING)
    (report,) = (tmp_path / "results").glob("*/junit.xml")
    assert "close f0 =&gt; EBADF" in report.read_text()


def test_refusal_is_told_once_where_several_processes_meet_it(run):
    text = USING + "\ndef test_again(lab):\n    pass\n"
    line = refused(run(text, "--kernel=5.4.321", "-n", "2"))
    assert "no installed kernel 5.4.321" in line


def test_this_machine_is_for_one_process(run):
    options = ("--machine=local", "--this-machine-is-disposable")
    done = run(USING, *options, "-n", "2")
    assert done.returncode == 2
    assert "one process: -n 0" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(("machine", "most"), [("local", 1), ("qemu", 4)])
def test_workers_are_chosen_by_what_they_need(run, machine, most):
    done = run("def test_nothing():\n    pass\n", f"--machine={machine}", "-nauto")
    assert done.returncode == 0, done.stdout
    count = re.search(r"^(\d+) workers? \[", done.stdout, re.MULTILINE)
    assert 1 <= int(count[1]) <= most


WRITING = """
import pytest
from mmapkit.plugin import results_of

@pytest.mark.parametrize("number", range(4))
def test_results(pytestconfig, number):
    folder = results_of(pytestconfig)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(number)).touch()
"""


def test_results_of_all_processes_are_in_one_folder(run, tmp_path):
    assert run(WRITING, "-n", "2").returncode == 0
    (folder,) = (tmp_path / "results").iterdir()
    found = [path.relative_to(folder) for path in folder.glob("*/*")]
    assert sorted(path.name for path in found) == ["0", "1", "2", "3"]
    assert {path.parent.name for path in found} == {"gw0", "gw1"}


GRADED = """
from types import SimpleNamespace
from mmapkit import plugin
from mmapkit.tally import Tally

def test_grades(pytestconfig):
    tally = Tally()
    tally.cover({("warn", "late error", "ok"): 2, ("note", "PTE", "there"): 3})
    plugin.labs_of(pytestconfig).append(SimpleNamespace(programs=1, tally=tally))
    supply = SimpleNamespace(started=1, found=[])
    pytestconfig.stash[plugin._SUPPLIES].append(supply)
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one", "workers"])
def test_notes_and_warnings_are_told_at_the_end_and_in_junit_xml(
    run, tmp_path, options
):
    done = run(GRADED, "-p", "mmapkit.plugin_grades", *options)
    assert done.returncode == 0
    assert re.search(r"^warn: late error: ok 2 \(.+\)$", done.stdout, re.MULTILINE)
    assert re.search(r"^note: PTE: there 3 \(.+\)$", done.stdout, re.MULTILINE)
    (report,) = (tmp_path / "results").glob("*/junit.xml")
    assert '<property name="warn" value="late error: ok 2"' in report.read_text()


TELLING = """
import pytest
from mmapkit import plugin
from mmapkit.machine import Machines
from mmapkit.setup import Supply
from mmapkit.verdict import Finding

class Idle:
    title, usable = "idle", True

    def prepare(self):
        pass

    def close(self):
        pass

class Telling(Supply):
    def machines(self):
        told = (Finding("leak", "unreferenced object"),)
        return Machines(self._start, self._report, lambda machine: told)

@pytest.fixture(scope="session", autouse=True)
def _idle():
    supply = Telling(lambda number: Idle(), lambda line: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugin, "supply", lambda *words: supply)
        yield

def test_passes(make_lab):
    make_lab(None)._machines.current()
"""


def test_what_a_machine_tells_at_its_end_fails_the_run(run):
    done = run(TELLING)
    assert done.returncode == 1
    assert "told by machines at their end:\nunreferenced object" in re.sub(
        r"(?m)^E +", "", done.stdout
    )
    assert "1 passed, 1 error" in done.stdout
