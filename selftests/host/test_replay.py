"""The agent alone: it runs cases, and what it prints is KTAP."""

import os
import re
import signal
import subprocess

import pytest

from mmapkit.case import parse_case, read_case
from mmapkit.content import pattern
from mmapkit.ktap import Status, parse

from .test_case import FILES, MALFORMED

# Those that need no driver.
ANYWHERE = [path for path in FILES if not read_case(path).nodes]

PASSES = "memfd f0 0x1000 => ok\n"
FAILS = "# a rule\nmemfd f0 0x1000 => ok\nclose f1 => ok | EIO\nclose f2 => ok\n"


@pytest.fixture
def replay(agent_file):
    """Run the agent; returns the result of its process."""

    def run(*words):
        return subprocess.run(
            [agent_file, "replay", *words], capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def case(tmp_path):
    """Write a case, and return its file."""

    def write(text, name="name"):
        path = tmp_path / f"{name}.case"
        path.write_text(text)
        return path

    return write


def told_by(done):
    report = parse(done.stdout.splitlines())
    assert report.problems == ()
    return {test.name: test for test in report.tests}


@pytest.fixture
def fifo(tmp_path):
    """A file that nobody ever opens for writing."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def test_cases_that_need_no_driver_pass(replay):
    done = replay(*ANYWHERE)
    assert list(told_by(done)) == [path.stem for path in ANYWHERE]
    assert all(test.status is Status.PASSED for test in told_by(done).values())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", ANYWHERE, ids=lambda path: path.stem)
def test_result_that_is_changed_fails_at_its_line(replay, case, path):
    """One case with each of its results changed in turn."""
    text = path.read_text()
    whole = parse_case("name", text)
    lines = text.splitlines()
    for claim in whole.claims:
        mutated = lines.copy()
        mutated[claim.line - 1] = f"{claim.text} => ENOTSUP"
        file = case("\n".join(mutated))
        done = replay(file)
        (test,) = told_by(done).values()
        assert test.status is Status.FAILED
        assert test.log == (
            f"# {file}:{claim.line}: {claim.text}",
            "#   due  ENOTSUP",
            f"#   came {claim.due[0]}",
        )
        assert done.returncode == 1


def test_only_the_first_difference_is_told(replay, case):
    file = case(FAILS)
    (test,) = told_by(replay(file)).values()
    assert test.log == (
        f"# {file}:3: close f1",
        "#   due  ok | EIO",
        "#   came EBADF",
    )


def test_each_of_several_results_will_do(replay, case):
    done = replay(case("close f0 => ok | EBADF # or so\nclose f1 => EBADF|ok []\n"))
    assert done.returncode == 0


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_case_is_refused_with_its_place(replay, case, what):
    text, line, column = MALFORMED[what]
    good, bad = case(PASSES, "good"), case(text, "bad")
    done = replay(good, bad)
    assert done.stderr.startswith(f"{bad}:{line}:{column}: ")
    assert (done.returncode, done.stdout) == (2, "")


def test_every_malformed_case_is_named(replay, case):
    done = replay(case("a\n", "one"), case("b\n", "two"))
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("content", [None, b"close f0 => \0EBADF\n"])
def test_file_that_is_no_text_is_refused(replay, tmp_path, content):
    path = tmp_path / "file.case"
    if content is not None:
        path.write_bytes(content)
    done = replay(path)
    assert done.stderr.startswith(f"{path}: cannot be read: ")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    "words",
    [(), ("--node",), ("--node", "remap", "x"), ("--let", "a", "x"), ("--what", "x")],
    ids=" ".join,
)
def test_wrong_arguments_are_told_in_one_line(replay, words):
    done = replay(*words)
    assert "agent replay [--node /PATH]" in done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout) == (2, "")


def test_agent_has_no_other_command(agent_file):
    done = subprocess.run([agent_file, "rerun"], capture_output=True, check=False)
    assert done.returncode == 2


def test_folder_is_all_cases_in_it(replay, case, tmp_path):
    for name in ("b", "a"):
        case(PASSES, name)
    (tmp_path / "README").write_text("nothing")
    assert list(told_by(replay(tmp_path))) == ["a", "b"]


def test_node_that_is_missing_is_a_skip_with_the_reason(replay, case):
    done = replay(
        case("# nodes: nowhere\nopen f0 {node} rdwr => ok\n"), case(PASSES, "b")
    )
    skipped, passed = told_by(done).values()
    assert skipped.name == "name nowhere"
    assert skipped.status is Status.SKIPPED
    assert skipped.reason == "no /dev/memphys/nowhere"
    assert passed.status is Status.PASSED
    assert done.returncode == 0


def test_nothing_but_skips_is_no_pass(replay, case):
    done = replay(case("# nodes: nowhere\nopen f0 {node} rdwr => ok\n"))
    assert done.returncode == 4


ON_ARENA = """\
# nodes: remap fault
open f0 {node} rdwr => ok
pread f0 off=arena+0x1000 len=4 => ok =DATA
"""


def test_node_and_names_can_be_given(replay, case, tmp_path):
    """A file that stands for a device; pattern 0 from its second page on."""
    device = tmp_path / "device"
    device.write_bytes(bytes(0x1000) + pattern(0x2000, 0, 0))
    file = case(ON_ARENA.replace("DATA", pattern(4, 0, 0x1000).hex()))
    done = replay("--node", device, "--let", "arena=0x1000", file)
    assert list(told_by(done)) == [f"name {device}"]
    assert done.returncode == 0


def test_name_that_stands_for_nothing_is_a_skip(replay, case, tmp_path):
    # No address is a way to say that there is none, whatever runs here.
    file = case(ON_ARENA.replace("DATA", "00"))
    done = replay("--node", tmp_path, "--let", "arena=0x8000000000000000", file)
    (test,) = told_by(done).values()
    assert test.reason == "no arena: load memphys with arena=4M"
    assert done.returncode == 4


def test_program_that_hangs_does_not_end_the_replay(replay, case, fifo):
    hangs = case(
        f"close f0 => EBADF\nopen f0 {fifo} rdonly => ok\nclose f0 => ok\n", "a"
    )
    done = replay(hangs, case(PASSES, "b"))
    hung, passed = told_by(done).values()
    assert hung.status is Status.FAILED
    assert "# evidence state S" in hung.log
    assert hung.log[-1] == f"# verdict hang at {hangs}:2: open f0 {fifo} rdonly"
    assert passed.status is Status.PASSED
    assert done.returncode == 1


def test_hang_is_no_pass_even_where_no_result_is_due(replay, case, fifo):
    done = replay(case(f"open f0 {fifo} rdonly => none\n"))
    assert done.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_what_was_done(agent_file, case, fifo, number):
    files = [case(PASSES, "a"), case(f"open f0 {fifo} rdonly => ok\n", "b")]
    with subprocess.Popen(
        [agent_file, "replay", *files], stdout=subprocess.PIPE, text=True
    ) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(number)
        lines += process.stdout.readlines()
    assert lines[2:] == ["ok 1 a\n", "Bail out! interrupted\n"]
    assert process.returncode == -number
    report = parse(lines)
    assert not report.passed
    assert report.problems == ("2 tests were planned, 1 told",)


def test_totals_are_as_kselftest_has_them(replay, case):
    files = case(PASSES, "a"), case(FAILS, "b"), case("open f0 /nix rdwr => ok\n", "c")
    last = replay(*files).stdout.splitlines()[-1]
    assert re.fullmatch("# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:1 error:0", last)
