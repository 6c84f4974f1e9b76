"""The table of differences is that of the documentation and of the model."""

from dataclasses import replace
from itertools import permutations

import pytest

from conformance.differences import COLUMNS, ROWS, column_of, lines
from mmapkit.model import Model
from mmapkit.setup import ROOT
from mmapkit.target import Traits

from .test_model_look import NODES as ALL
from .test_model_look import TARGET

#: how many faults a handler saves that brings neighbours, the model leaves open
NODES = [node for node in ALL if not node.around]

MACHINES = {
    "usual": Traits(),
    "before 6.16": Traits(tracked_forks=False),
    "no process_vm_readv": Traits(cross_memory=False),
}


def answers(row, node, traits=TARGET.traits):
    """Return what the model answers, for each sort of mapping."""
    node = replace(node, tracked=column_of(node) == 0)
    model = Model(replace(TARGET, nodes=(node,), traits=traits))
    return {row.read(model.run(program).results[-1]) for program in row.programs(node)}


def test_documentation_has_the_table():
    text = (ROOT / "Documentation" / "driver.rst").read_text()
    table = "\n".join(lines())
    assert f"\n\n{table}\n\n" in text, f"driver.rst wants:\n{table}"


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_model_has_the_answer_of_the_table(row, machine):
    traits = MACHINES[machine]
    for node in NODES:
        due = row.due(column_of(node), traits)
        assert answers(row, node, traits) == {due}, node.path


@pytest.mark.parametrize(("here", "there"), list(permutations(range(len(COLUMNS)), 2)))
def test_method_in_the_wrong_column_is_told(here, there):
    """By the rows in which the two differ, and by those alone."""
    node = next(node for node in NODES if column_of(node) == here)
    wrong = [
        row for row in ROWS if answers(row, node) != {row.due(there, TARGET.traits)}
    ]
    assert wrong
    assert all(row.differs for row in wrong)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_changed_answer_is_told(row):
    """Whichever answer were another, that of the model would not be it."""
    known = {answer for row in ROWS for answer in row.answers}
    traits = Traits(tracked_forks=False)
    for node in NODES:
        number = column_of(node)
        for other in known - {row.answers[number]}:
            changed = (*row.answers[:number], other, *row.answers[number + 1 :])
            wrong = replace(row, answers=changed)
            assert answers(row, node, traits) != {wrong.due(number, traits)}
