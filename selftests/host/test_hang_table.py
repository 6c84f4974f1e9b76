"""The table of hangs: every row is a program, and the table has what was measured."""

import json

import pytest

from detection import hangs
from detection.classes import BUGS
from mmapkit.grammar import parse_program
from mmapkit.program import Open
from mmapkit.setup import ROOT


@pytest.mark.parametrize("hang", hangs.HANGS, ids=lambda hang: hang.name)
def test_row_is_a_program_on_a_method_that_is_made(hang):
    program = parse_program(hang.text)
    assert all(at < len(program) for at in hang.at)
    paths = {op.path for op in program if isinstance(op, Open)}
    assert paths <= {f"/dev/memphys/{bug.name}" for bug in BUGS}


def test_rows_have_names_of_their_own():
    names = [hang.name for hang in hangs.HANGS]
    assert len(set(names)) == len(names)


def test_table_has_what_a_run_has_left(tmp_path, capsys):
    hang = hangs.HANGS[0]
    told = {"waited_ms": "214", "faults": "8535", "stack": "not in the table"}
    line = hangs.row_of(0.4, told, hang, "retry-loop")
    assert json.loads(line)["waited_ms"] == "214"
    (tmp_path / hangs.FILE).write_text(line)
    assert hangs.main([str(tmp_path)]) == 0
    cells = [text.strip() for text in capsys.readouterr().out.splitlines()]
    first = cells.index(f"* - {hang.name}")
    assert cells[first + 1 : first + 5] == ["- retry-loop", "- 214", "- 0.4", "- 8535"]


def test_documentation_has_every_row():
    text = (ROOT / "Documentation" / "hangs-table.inc").read_text()
    named = [line[7:] for line in text.splitlines() if line.startswith("   * - ")]
    assert named == ["what", *(hang.name for hang in hangs.HANGS)]
