"""What the documentation says is so: commands are run, names are there."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial

import pytest

import documented
from detection.classes import BUGS
from documented import Block, Command
from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT
from mmapkit.verdict import Verdict

SUITE = ROOT / "selftests"
COMMANDS = documented.commands()
HERE = [command for command in COMMANDS if documented.reason(command) is None]
TEXTS = {page: page.read_text() for page in documented.PAGES}

# ------------------------------------------------------------------- commands


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of this repository, for commands that write."""
    tree = tmp_path_factory.mktemp("tree") / "memphys"
    names = (".git", ".tox", "results", "__pycache__", "*.o", "*.ko", "agent/agent")
    shutil.copytree(*(ROOT, tree), symlinks=True, ignore=shutil.ignore_patterns(*names))
    (tree / "selftests" / "agent" / "agent").unlink(missing_ok=True)
    return tree


@pytest.mark.timeout(120)
def test_commands_do_what_is_written(tree, subtests):
    """One after the other: some need what others have made."""
    assert HERE
    for command in HERE:
        with subtests.test(command.place, command=command.words):
            words = shlex.split(command.words)
            if words[0] == "python":
                words[0] = sys.executable
            done = subprocess.run(
                *(words,),
                cwd=tree,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            wrong = any(line.startswith("not ok") for line in command.output)
            assert done.returncode == (1 if wrong else 0), done.stdout
            assert documented.fits(command.output, done.stdout), done.stdout


def test_cases_are_written_as_expected_py_writes_them(tree):
    case = "selftests/cases/last_page.case"
    assert any(case in command.words for command in HERE)
    assert (tree / case).read_text() == (ROOT / case).read_text()


def test_every_reason_is_that_of_a_command():
    used = {documented.reason(command) for command in COMMANDS}
    assert [row for row in documented.apart() if row not in used] == []
    assert all(row.why for row in documented.apart())


def test_every_test_that_runs_commands_is_there():
    tests = {row.test for row in documented.apart() if row.test}
    assert tests
    assert all((ROOT / test).exists() for test in tests)


def environments():
    """Return the commands of tox: where they stand, environment, arguments."""
    for command in COMMANDS:
        words = shlex.split(command.words)
        if words[:2] == ["tox", "-e"]:
            yield (
                command.place,
                words[2],
                words[words.index("--") + 1 :] if ("--" in words) else [],
            )


def test_every_environment_of_tox_is_there():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini")
    named = [name for _, name, _ in environments()]
    assert named
    assert [n for n in named if not config.has_section(f"testenv:{n}")] == []


def arguments():
    """Return what pytest is given in the documentation."""
    folders = {
        "selftest": ["selftests/properties", "selftests/conformance"],
        "verdicts": ["selftests/detection"],
        "detection": ["selftests/detection"],
    }
    for place, name, words in environments():
        if words and name in folders:
            yield pytest.param([*folders[name], *words], id=f"{place} {words[0]}")
    for command in COMMANDS:
        words = shlex.split(command.words)
        if words[0] == "pytest":
            yield pytest.param(words[1:], id=command.place)


@pytest.mark.parametrize("words", list(arguments()))
def test_pytest_takes_the_arguments_and_finds_tests(words, tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "-q"),
            *("-p", "no:cacheprovider", "--no-header", f"--results={tmp_path}"),
            *words,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", documented.blocks(), ids=lambda block: block.place)
def test_commands_stand_in_consoles(block):
    """Elsewhere nobody would run them."""
    commands = r"(?m)^([$#] )?(tox|make|insmod|pytest|python3?|pip|apt-get|modprobe)\b"
    if block.language != documented.CONSOLE:
        assert re.search(commands, block.text) is None


@pytest.mark.parametrize("block", documented.blocks(), ids=lambda block: block.place)
def test_what_begins_as_a_program_is_one(block):
    program = documented.program_of(block)
    if program is not None:
        assert len(documented.due_of(block)) == len(program)


# ----------------------------------------------------------------------- names

LITERAL = re.compile(r"``([^`]+)``")


def literals():
    for page, text in TEXTS.items():
        for literal in LITERAL.findall(text):
            yield page.name, literal


def named_tests():
    """Return the tests that are named, with the page."""
    for page, literal in literals():
        if re.fullmatch(r"([\w/]+\.py::)?test_\w+", literal):
            yield page, literal


def test_every_case_that_is_named_is_there():
    cases = {literal for _, literal in literals() if literal.endswith(".case")}
    named = {case.rpartition("/")[2] for case in cases} - {".case"}
    assert len(named) >= 10
    assert [name for name in named if not (SUITE / "cases" / name).exists()] == []


def test_every_test_that_is_named_is_there():
    text = {path.name: path.read_text() for path in SUITE.rglob("test_*.py")}
    named = dict.fromkeys(name for _, name in named_tests())
    assert len(named) >= 20
    for name in named:
        file, _, test = name.rpartition("::")
        files = [text[file.rpartition("/")[2]]] if file else text.values()
        assert any(f"\ndef {test}(" in source for source in files), name


def test_every_file_of_tests_that_is_named_is_there():
    files = {path.name for path in SUITE.rglob("*.py")}
    for page, literal in literals():
        name = literal.rpartition("/")[2]
        if re.fullmatch(r"test_\w+\.py", name):
            assert name in files, f"{page}: {literal}"


def test_words_of_the_answers_are_wrong_methods_or_calls():
    page = TEXTS[ROOT / "Documentation" / "questions.rst"]
    words = {w for w in LITERAL.findall(page) if re.fullmatch(r"[a-z][a-z-]+", w)}
    calls = {"close", "memphys", "mmap", "munmap", "nopage", "open"}
    calls |= {"region-del", "region-get"}
    assert words - calls - {bug.name for bug in BUGS} == set()
    assert len(words - calls) >= 10


def declared(pattern):
    """Return what the driver declares, by its sources."""
    files = [*(ROOT / "driver").glob("*.[ch]")]
    found = {name for f in files for name in re.findall(pattern, f.read_text())}
    assert found
    return found


@pytest.mark.parametrize(
    "pattern",
    [r"\nmodule_param(?:_cb|_named)?\((\w+),", r"\nTRACE_EVENT\((\w+),"],
    ids=["parameter", "tracepoint"],
)
def test_every_one_is_documented(pattern):
    page = TEXTS[ROOT / "Documentation" / "driver.rst"]
    entries = set(re.findall(r"``(?:memphys:)?(\w+)(?:=\w+)?``", page))
    assert declared(pattern) - entries == set()


# ---------------------------------------------------------------- the question


def test_struct_pages_of_56_bytes_give_the_log_of_the_question():
    """The table: what 2.6.31 took from the address of a struct page."""
    rows = re.findall(
        r"(?m)^(\d) +(\d+) +(0x[0-9a-f]{3}) ",
        TEXTS[ROOT / "Documentation/questions.rst"],
    )
    assert [int(page) for page, _, _ in rows] == [1, 2, 3, 4, 5, 6]
    first = 0x41400000 >> 12
    low = [(first + n) * 56 % 512 for n in range(6)]
    assert [(int(pfn), int(bits, 16)) for _, pfn, bits in rows] == [
        (first + n, bits) for n, bits in enumerate(low)
    ]
    assert [bool(bits & 0x100) for bits in low] == [False] * 5 + [True]
    assert all((pfn * 56) % 512 == 0 for pfn in range(0, 1 << 16, 64))


def test_struct_pages_of_64_bytes_fail_at_the_second():
    """What the page says of today: SIGSEGV is 0x40, NOPAGE 0x100."""
    low = [n * 64 for n in range(6)]
    assert low[1] == 0x40
    assert [n + 1 for n, bits in enumerate(low) if bits == 0x100] == [5]


# ------------------------------------------------------------------ documented


def block(text, language=""):
    return Block(ROOT / "x.rst", 1, language, text)


PAGE = """\
A block::

    load m0 4

    # more

.. code-block:: console
   :class: wide

   $ one \\
       two   # why
   out ...
   # out
   $ three

- An item::

      close f0 => ok | EBADF   # or not
  and its end, ``a::b``.
"""


def test_blocks_of_a_page():
    found = list(documented.blocks_of(PAGE, ROOT / "x.rst"))
    assert [(b.line, b.language, b.text) for b in found] == [
        (3, "", "load m0 4\n\n# more\n"),
        (10, "console", "$ one \\\n    two   # why\nout ...\n# out\n$ three\n"),
        (18, "", "close f0 => ok | EBADF   # or not\n"),
    ]
    assert list(documented.commands_of(found[1])) == [
        Command("x.rst:10", "one two", ("out ...", "# out")),
        Command("x.rst:14", "three", ()),
    ]
    assert documented.due_of(found[2]) == [("ok", "EBADF")]


def test_output_without_a_command_is_refused():
    with pytest.raises(MmapkitError, match="output without a command"):
        list(documented.commands_of(block("out\n$ one\n", "console")))


@pytest.mark.parametrize(
    ("expected", "output", "right"),
    [
        ((), "anything", True),
        (("a",), "a\n", True),
        (("a",), "a\nb\n", False),
        (("a",), "", False),
        (("a", "..."), "a\nb\nc\n", True),
        (("...", "c"), "a\nb\nc\n", True),
        (("...", "b"), "a\nb\nc\n", False),
        (("a", "...", "c"), "a\nc\n", True),
        (("1..4",), "1..4\n", True),
        (("1...4",), "1xyz4\n", True),
        (("pass:... fail:0",), "pass:12 fail:0\n", True),
        (("pass:... fail:0",), "pass:12 fail:1\n", False),
    ],
)
def test_output_fits(expected, output, right):
    assert documented.fits(expected, output) is right


def test_program_is_told_by_its_first_operation():
    assert documented.program_of(block("close f0\n")) is not None
    assert documented.program_of(block("# a\ntogether\n  close f0\nend\n")) is not None
    assert documented.program_of(block("closed f0\n")) is None
    assert documented.program_of(block("close f0\n", "console")) is None
    assert documented.program_of(block("# only this\n")) is None
    with pytest.raises(MmapkitError, match=r"x\.rst:1: .*line 2"):
        documented.program_of(block("close f0\nclosed f0\n"))


def test_verdict_is_ok_unless_it_is_said():
    assert documented.verdict_of(block("close f0\n")) is Verdict.OK
    text = "# verdict: retry-loop\nclose f0\n"
    assert documented.verdict_of(block(text)) is Verdict.RETRY_LOOP


def test_reason_may_have_wildcards():
    reason = partial(Command, "x.rst:1", output=())
    assert documented.reason(reason("tox -e selftest -- -k x"))
    assert documented.reason(reason("toxic")) is None
