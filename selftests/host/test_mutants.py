"""The list of mutants is about this tree, and one that lives is told."""

import ast

import pytest

import mutants.__main__ as runner
from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT
from mutants import HOST, LIST, Mutant, chosen, read, survivors

MUTANTS = read(LIST)

DETECTORS = (
    *("console", "leaks", "verdict", "machine/", "lab", "model/", "ktap", "shrink"),
    *("alarms", "plugin.", "plugin_alarms"),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_text_of_a_mutant_stands_in_the_tree_once(mutant):
    assert mutant.broken(ROOT) != (ROOT / mutant.file).read_text()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_tests_of_a_mutant_are_there(mutant):
    for test in mutant.tests:
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text())
        names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        assert name.partition("[")[0] in names


def test_every_detector_is_broken_somewhere():
    broken = [mutant.file for mutant in MUTANTS]
    assert len(MUTANTS) >= 25
    for name in DETECTORS:
        assert any(file.startswith(f"selftests/mmapkit/{name}") for file in broken)
    assert {"watch.c", "judge.c"} <= {file.rpartition("/")[2] for file in broken}


ENTRY = '[one]\nwhy = "w"\nfile = "f"\ntext = "a"\ninstead = "b"\ntests = ["t"]\n'


@pytest.mark.parametrize(
    "text",
    [
        "one\n",
        "one = 1\n",
        ENTRY.replace('"b"', '"a"'),
        ENTRY.replace('"t"', ""),
        ENTRY.replace("why", "reason"),
        ENTRY.replace('tests = ["t"]\n', ""),
    ],
    ids=["no TOML", "no table", "no change", "no test", "another key", "no tests"],
)
def test_malformed_list_is_refused(tmp_path, text):
    (tmp_path / "list").write_text(text)
    with pytest.raises(MmapkitError, match="list: "):
        read(tmp_path / "list")


@pytest.mark.parametrize("content", ["", "b", "a a"])
def test_text_that_is_not_there_once_is_told(tmp_path, content):
    (tmp_path / "f").write_text(content)
    (mutant,) = listed(tmp_path, ENTRY)
    with pytest.raises(MmapkitError, match="bring the entry up to date"):
        mutant.broken(tmp_path)


def test_file_that_is_not_there_is_told(tmp_path):
    (mutant,) = listed(tmp_path, ENTRY)
    with pytest.raises(MmapkitError, match="No such file"):
        mutant.broken(tmp_path)


def listed(folder, text):
    (folder / "list").write_text(text)
    return read(folder / "list")


OUTPUT = """\
FAILED a/test_x.py::test_one[a b] - assert 1
SUBFAILED[n=1] a/test_x.py::test_two - assert 1
ERROR a/test_x.py::test_three
FAILED a/test_x.py::test_four_and_more
PASSED a/test_x.py::test_five
"""


def test_survivor_is_a_test_that_has_not_failed():
    names = ("one", "one[a b]", "one[c]", "two", "three", "four", "five")
    tests = tuple(f"a/test_x.py::test_{name}" for name in names)
    mutant = Mutant("m", "w", "f", "a", "b", tests)
    assert [test.rpartition("_")[2] for test in survivors(mutant, OUTPUT)] == [
        *("one[c]", "four", "five")
    ]


def test_name_that_no_mutant_has_is_refused():
    assert chosen(MUTANTS, ()) == list(MUTANTS)
    assert chosen(MUTANTS, (MUTANTS[1].name,)) == [MUTANTS[1]]
    with pytest.raises(MmapkitError, match="no such mutant: x"):
        chosen(MUTANTS, ("x",))


# --------------------------------------------------------------- the runner

TREE = {
    "selftests/thing.py": "def larger(a, b):\n    return max(a, b)\n",
    "selftests/host/test_thing.py": "import thing\n\n"
    "def test_it():\n    assert thing.larger(1, 2) == 2\n\n"
    "def test_other():\n    assert thing.larger(2, 2) == 2\n",
}
DIES = """
[smaller]
why = "w"
file = "selftests/thing.py"
text = "max("
instead = "min("
tests = ["selftests/host/test_thing.py::test_it"]
"""
LIVES = DIES.replace("test_it", "test_other").replace("smaller", "unseen")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A tree with one function and its tests in place of this one."""
    tree = tmp_path / "whole"
    for name, text in TREE.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (tree / "conftest.py").write_text('pytest_plugins = ["mmapkit.plugin"]\n')
    kit = ROOT / "selftests"
    (tree / "pytest.ini").write_text(f"[pytest]\npythonpath = selftests {kit}\n")
    monkeypatch.setattr(runner, "ROOT", tree)

    def run(text, *words):
        (tmp_path / "list").write_text(text)
        return runner.main([f"--list={tmp_path / 'list'}", *words])

    run.tree = tree
    return run


def test_mutant_that_a_test_notices_dies(small, capsys):
    assert small(DIES) == 0
    assert "dies  smaller" in capsys.readouterr().out
    assert "max(" in (small.tree / "selftests/thing.py").read_text()


def test_mutant_that_nobody_notices_is_told(small, capsys):
    assert small(DIES + LIVES) == 1
    out = capsys.readouterr().out
    assert "LIVES unseen" in out
    assert "no test fails" in out
    assert "2 mutants, 1 live" in out


def test_mutant_has_to_fail_each_of_its_tests(small, capsys):
    both = 'test_it", "selftests/host/test_thing.py::test_other"'
    assert small(DIES.replace('test_it"', both)) == 1
    assert "passed all the same: selftests/host/test_thing.py::test_other" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DIES.replace("max(", "none of it"), "0 times, not once"),
        (DIES.replace('"min("', '"1 +"'), "pytest ends with 4"),
        (DIES.replace("::test_it", "::test_none"), "do not pass as it is"),
        (DIES.replace("test_thing.py", "test_none.py"), "do not pass as it is"),
    ],
    ids=["no such text", "does not compile", "no such test", "no such file"],
)
def test_list_that_is_not_about_the_tree_is_refused(small, capsys, text, reason):
    assert small(text) == 2
    assert reason in capsys.readouterr().err


def test_tests_have_to_pass_before_anything_is_broken(small, capsys):
    path = small.tree / "selftests/thing.py"
    path.write_text(path.read_text() + "\ndef larger(a, b):\n    return 3\n")
    assert small(DIES) == 2
    assert "do not pass as it is" in capsys.readouterr().err


def test_guests_are_left_out_where_only_the_host_is_asked(small, capsys):
    assert not Mutant("m", "", "", "", "", (f"{HOST}a", "selftests/b")).is_of_host
    assert small(DIES.replace("/host/", "/conformance/"), "--host") == 0
    assert "0 mutants, 0 live" in capsys.readouterr().out
