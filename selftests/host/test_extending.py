"""Documentation/extending.rst: its C is built, its Python runs, its files are there."""

import re

import documented
from mmapkit.setup import ROOT

PAGE = ROOT / "Documentation" / "extending.rst"
BLOCKS = documented.blocks((PAGE,))


def lines_of(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def contains(source, quoted):
    """Tell whether lines stand together in a source, however they are indented."""
    lines = lines_of(source)
    return any(
        lines[n : n + len(quoted)] == quoted
        for n in range(len(lines) - len(quoted) + 1)
    )


def test_c_is_that_of_the_driver():
    sources = [path.read_text() for path in (ROOT / "driver").rglob("*.c")]
    quoted = [block for block in BLOCKS if block.language == "c"]
    assert len(quoted) >= 4
    for block in quoted:
        lines = lines_of(block.text)
        assert any(contains(source, lines) for source in sources), block.place


def test_c_that_is_not_there_is_found():
    assert contains("\tint a;\n\n\tint b;\n", ["int a;", "int b;"])
    assert not contains("\tint a;\n\tint b;\n", ["int b;", "int a;"])


def test_python_runs():
    """One after the other, as in one file."""
    scope = {}
    blocks = [block for block in BLOCKS if block.language == "python"]
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block.text, block.place, "exec"), scope)  # noqa: S102
    assert "outcome" in scope


def test_files_that_are_named_are_there():
    named = re.findall(r"``((?:selftests|driver)/[\w./]+)``", PAGE.read_text())
    assert len(named) >= 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_operation_is_in_every_file_of_its_table():
    rows = re.findall(
        r"(?m)^``((?:selftests|Documentation)/[\w/.]+)`` +[a-z]", PAGE.read_text()
    )
    assert len(rows) >= 12
    for name in rows:
        assert "mlock" in (ROOT / name).read_text().lower(), name
