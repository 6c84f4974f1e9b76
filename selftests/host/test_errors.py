"""The tables of Documentation/errors.rst are those of the driver, and of its tests."""

import re
from dataclasses import dataclass

import pytest

from mmapkit.setup import ROOT

DRIVER = ROOT / "driver"
NO_TEST = "no test: "

#: a row of a list-table: four cells, each of which may go on in the next line
_ROW = re.compile(r"(?m)^   \* - (.*(?:\n {7}.*)*)((?:\n     - .*(?:\n {7}.*)*){3})")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Row:
    errno: str
    files: tuple[str, ...]
    when: str
    shown: str


def rows_of(text):
    found = []
    for errno, rest in _ROW.findall(text):
        cells = [" ".join(cell.split()) for cell in rest.split("\n     - ")[1:]]
        if errno != "errno":
            files, when, shown = cells
            found.append(
                Row(errno, tuple(re.findall(r"``(.*?)``", files)), when, shown)
            )
    return found


def errnos_of(text):
    """Return the errors that C names outside of comments."""
    return set(re.findall(r"(?<![\w-])-(E[A-Z0-9]+)\b", _COMMENT.sub("", text)))


ROWS = rows_of((ROOT / "Documentation" / "errors.rst").read_text())

# What other kernels need is in compat/, and what is wrong on purpose in faulty/.
SOURCES = {path.name: path.read_text() for path in DRIVER.glob("*.c")}


def test_every_error_of_the_driver_has_a_row():
    due = {(f, errno) for f, text in SOURCES.items() for errno in errnos_of(text)}
    assert len(due) > 30
    assert {(file, row.errno) for row in ROWS for file in row.files} == due


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.errno} {row.when[:40]}")
def test_tests_of_a_row_are_there(row):
    if row.shown.startswith(NO_TEST):
        assert len(row.shown) > len(NO_TEST) + 10
        return
    named = re.findall(r"``(\w+)``", row.shown)
    assert named
    tests = {
        name
        for path in (ROOT / "selftests").rglob("test_*.py")
        for name in re.findall(r"(?m)^def (test_\w+)\(", path.read_text())
    }
    kunit = "".join(path.read_text() for path in (DRIVER / "tests").glob("*_kunit.c"))
    tests |= set(re.findall(r"static void (\w+)\(struct kunit \*test\)", kunit))
    assert set(named) - tests == set()


def test_few_rows_have_no_test():
    untested = [row for row in ROWS if row.shown.startswith(NO_TEST)]
    assert len(untested) <= 7


def test_error_in_a_comment_is_none():
    text = (
        "/* Return: -EIO. */\nreturn -EPERM; // -EFAULT\nx = a -EINVAL;\ncase -EBUSY:"
    )
    assert errnos_of(text) == {"EPERM", "EINVAL", "EBUSY"}


def test_rows_of_a_table():
    text = (
        "   * - errno\n     - in\n     - when\n     - shown by\n"
        "   * - EIO\n     - ``a.c``,\n       ``b.c``\n     - when\n       it is\n"
        "     - ``test_x``\n"
    )
    assert rows_of(text) == [Row("EIO", ("a.c", "b.c"), "when it is", "``test_x``")]
