"""Coverage: counts are fetched, added up, and shown beside the source."""

import shutil
import subprocess

import pytest

from mmapkit import coverage
from mmapkit.build import command
from mmapkit.coverage import Excused, Named, Source, excuse, read_named
from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT, UNREACHED

MAIN = """\
#include "sign.h"
int main(int argc, char **argv)
{
	if (argc > 2)
		return 3;
	return sign(argc - 1);
}
"""
SIGN = """\
static inline int sign(int x)
{
	if (x > 0)
		return 1;
	return 0;
}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A program that counts lines, as build_modules() leaves a driver behind."""
    work = tmp_path_factory.mktemp("built")
    (work / "main.c").write_text(MAIN)
    (work / "sign.h").write_text(SIGN)
    command(["gcc", "--coverage", "-c", "main.c"], cwd=work)
    command(["gcc", "--coverage", "main.o", "-o", "main"], cwd=work)
    modules = tmp_path_factory.mktemp("modules")
    (modules / "build").mkdir()
    for name in ("main.c", "sign.h", "main.gcno"):
        shutil.copyfile(work / name, modules / "build" / name)
    (modules / "built-in").write_text(str(work))
    return work, modules


@pytest.fixture
def run(built, tmp_path):
    """Run the program as on a machine of its own; returns where its counts are."""
    work, _ = built
    folders = iter(range(100))

    def run(*words):
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        strip = str(len(work.parts) - 1)
        prefix = {"GCOV_PREFIX": str(folder), "GCOV_PREFIX_STRIP": strip}
        subprocess.run([work / "main", *words], env=prefix, check=False)
        assert (folder / "main.gcda").is_file()
        return folder

    return run


def test_lines_that_ran_are_told_from_those_that_did_not(built, run):
    (source,) = coverage.measure(built[1], [run()])
    assert source.name == "main.c"
    assert source.missed == [5]
    assert source.lines[6] == 1


def test_machines_add_up(built, run):
    folders = [run(), run("a"), run("a", "b")]
    (source,) = coverage.measure(built[1], folders)
    assert source.missed == []
    assert source.lines[6] == 2


def test_headers_are_not_shown_though_they_count(built, run):
    folder = run()
    told = coverage._gcov(built[1] / "build/main.gcno", folder / "main.gcda")
    assert "sign.h" in coverage.lines_of(told, str(built[0]))
    assert [s.name for s in coverage.measure(built[1], [folder])] == ["main.c"]


@pytest.mark.parametrize("name", ["faulty/loop.c", "tests/access_kunit.c", "memphys.h"])
def test_what_is_not_the_driver_is_not_shown(built, run, monkeypatch, name):
    told = {name: {1: 0}, "region.c": {1: 0}}
    monkeypatch.setattr(coverage, "lines_of", lambda *_: told)
    assert [s.name for s in coverage.measure(built[1], [run()])] == ["region.c"]


def test_counts_that_are_damaged_are_an_error(built, tmp_path):
    (tmp_path / "main.gcda").write_bytes(b"nonsense")
    with pytest.raises(MmapkitError):
        coverage.measure(built[1], [tmp_path])


def test_missed_lines_are_listed_with_their_text(built, run, tmp_path):
    file = tmp_path / "unreached.toml"
    file.write_text("unreached = []\n")
    _, listing = coverage.report(built[1], [run()], file)
    assert listing == ["main.c:5: \t\treturn 3;"]


def test_missed_lines_that_are_named_are_told_apart(built, run, tmp_path):
    file = tmp_path / "unreached.toml"
    file.write_text('[[unreached]]\nfile = "main.c"\ntext = "return 3;"\nwhy = "x"\n')
    table, listing = coverage.report(built[1], [run()], file)
    assert listing == ["main.c:5: named: \t\treturn 3;"]
    assert table == [
        "file    lines  missed  named  covered",
        "main.c      4       1      1    75.0%",
        "total       4       1      1    75.0%",
    ]


TOLD = {
    "current_working_directory": "/b/linux",
    "files": [
        {
            "file": "/b/drv/a.c",
            "lines": [
                {"line_number": 3, "count": 2},
                {"line_number": 3, "count": 1},
                {"line_number": 4, "count": 0},
            ],
        },
        {"file": "../drv/a.h", "lines": []},
        {"file": "include/linux/mm.h", "lines": [{"line_number": 1, "count": 1}]},
    ],
}


def test_function_that_is_there_twice_counts_once_a_line():
    assert coverage.lines_of(TOLD, "/b/drv")["a.c"] == {3: 3, 4: 0}


def test_files_of_the_kernel_are_left_out():
    assert "include/linux/mm.h" not in coverage.lines_of(TOLD, "/b/drv")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([3], "3"), ([3, 4, 5], "3-5"), ([1, 3, 4, 9], "1, 3-4, 9")],
)
def test_numbers_are_listed_as_ranges(numbers, text):
    assert coverage.ranges(numbers) == text


def test_table_has_a_row_for_each_file_and_one_for_all():
    sources = [Source("access.c", {1: 1, 2: 0, 3: 0, 7: 4}), Source("m.c", {1: 1})]
    assert coverage.table(sources, Excused({"access.c": frozenset({3})}, ("so",))) == [
        "file      lines  missed  named  covered",
        "access.c      4       2      1    50.0%  2",
        "m.c           1       0      0   100.0%",
        "total         5       2      1    60.0%",
        "so",
    ]


# ---------------------------------------------------------------- exceptions

TEXT = "int f(void)\n{\n\tif (x)\n\t\treturn 1;\n\treturn 0;\n}\n\treturn 0;\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (("if (x)", "return 1;"), range(3, 5)),
        (("return 1;",), range(4, 5)),
        (("return 0;",), None),
        (("return 1;", "return 0;", "}"), range(4, 7)),
        (("return 2;",), None),
        (("return 1;", "}"), None),
    ],
    ids=["two lines", "one", "there twice", "an end", "not there", "not together"],
)
def test_named_lines_are_found_where_they_stand_once(text, where):
    assert Named("a.c", text, "x").find(TEXT) == where


def excused(*named, lines):
    return excuse([Source("a.c", lines)], named, {"a.c": TEXT})


def test_named_lines_are_no_longer_missed():
    found = excused(
        Named("a.c", ("return 1;", "return 0;"), "x"), lines={3: 7, 4: 0, 5: 0, 7: 0}
    )
    assert found.left(Source("a.c", {3: 7, 4: 0, 5: 0, 7: 0})) == [7]
    assert found.wrong == ()


def test_named_line_that_ran_is_told():
    found = excused(Named("a.c", ("if (x)", "return 1;"), "x"), lines={3: 7, 4: 0})
    (wrong,) = found.wrong
    assert wrong == 'a.c: "if (x)": named as unreached, but line 3 ran'


@pytest.mark.parametrize(
    "named", [Named("a.c", ("return 2;",), "x"), Named("b.c", ("return 1;",), "x")]
)
def test_named_line_that_is_not_there_is_told(named):
    (wrong,) = excused(named, lines={4: 0}).wrong
    assert wrong == f"{named}: named as unreached, and not there once"


@pytest.mark.parametrize(
    "text",
    [
        "[[unreached",
        "",
        "unreached = 3",
        '[[unreached]]\nfile = "a.c"\nwhy = "x"',
        '[[unreached]]\nfile = "a.c"\ntext = ""\nwhy = "x"',
        '[[unreached]]\nfile = "a.c"\ntext = "x"\nwhy = " "',
    ],
    ids=["no TOML", "nothing", "a number", "no text", "empty text", "no reason"],
)
def test_exceptions_that_are_malformed_are_an_error(tmp_path, text):
    file = tmp_path / "unreached.toml"
    file.write_text(text)
    with pytest.raises(MmapkitError, match=r"unreached.toml"):
        read_named(file)


def test_what_the_driver_names_is_there():
    named = read_named(UNREACHED)
    assert named
    for one in named:
        assert one.find((ROOT / "driver" / one.file).read_text()), one


class Gcov:
    """A machine with files of counts."""

    def __init__(self, files):
        self.files = files


@pytest.fixture
def files(monkeypatch):
    """Have files of machines read from a table."""

    def read(machine, path, offset, length):
        if path not in machine.files:
            raise coverage.TargetError(f"{path}: ENOENT")
        return machine.files[path][offset : offset + length]

    monkeypatch.setattr(coverage, "read_bytes", read)


def test_counts_are_fetched_by_where_the_driver_was_compiled(built, files, tmp_path):
    work, modules = built
    machine = Gcov({f"/sys/kernel/debug/gcov{work}/main.gcda": b"counts"})
    assert coverage.fetch(machine, modules, tmp_path) == 1
    assert (tmp_path / "main.gcda").read_bytes() == b"counts"


def test_module_that_was_never_loaded_has_no_counts(built, files, tmp_path):
    assert coverage.fetch(Gcov({}), built[1], tmp_path / "none") == 0
    assert not (tmp_path / "none").exists()
