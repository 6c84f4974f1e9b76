"""What legitimately differs by method does, and what is the same is.

The table is in differences.py. Every row is asked of every pair that the driver
offers; that the model says the same is host/test_differences.py.
"""

import pytest

from conformance.differences import COLUMNS, ROWS, column_of
from mmapkit.control import Backing, Control, MethodFlag
from mmapkit.targets.regions import SIZE


def nodes(lab):
    return [node for node in lab.target.nodes if node.size == SIZE]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.what}, {row.answers[0]}")
def test_answer_is_that_of_the_way_in_which_a_method_maps(regions, row, subtests):
    """A method differs where the table says so, and nowhere else.

    Source: that of the row.
    Guards: A6, B11, C3, D2, D6, D7, E5, E6, E8.
    """
    traits = regions.target.traits
    for node in nodes(regions):
        with subtests.test(node.path):
            for program in row.programs(node):
                outcome = regions.run(program, quick=True)
                assert outcome == outcome.due
                answer = row.read(outcome.results[-1])
                assert answer == row.due(column_of(node), traits)


def test_driver_has_methods_for_every_column(regions, subjects):
    """What no method does was not seen to differ.

    Guards: none, it is about the table.
    """
    if subjects:
        pytest.skip("the claims are not about all that the driver offers")
    for number, column in enumerate(COLUMNS):
        found = {n.method for n in nodes(regions) if column_of(n) == number}
        assert found == column.methods


def test_only_pfns_lead_to_memory_that_has_no_page_to_count(regions, subjects):
    """remap_pfn_range() takes any PFN; vm_insert_page() wants a page that counts.

    Source: validate_page_before_insert() in mm/memory.c.
    Guards: A13, E2.
    """
    if subjects:
        pytest.skip("the claims are not about all that the driver offers")
    with Control(regions.machine) as control:
        methods = list(control.methods())
    for method in methods:
        uncounted = {Backing.PHYS, Backing.KMALLOC} & set(method.backings)
        assert bool(uncounted) != (MethodFlag.PAGE in method.flags), method.name
