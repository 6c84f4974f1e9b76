"""What only the pages behind a mapping tell: the bytes are as they should be."""

from dataclasses import replace

import pytest

from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.verdict import Verdict, Words

# Two neighbours that hold the same, mapped by a method that is right.
ALIKE = """
open f0 /dev/memphys/remap rdwr
mmap m0 f0 off=arena len=0x2000 prot=rw flags=shared
store m0 8 0x1122334455667788
store m0+0x1000 8 0x1122334455667788
open f1 /dev/memphys/{method} rdwr
mmap m1 f1 off=arena len=0x2000 prot=r flags=private
load m1 8
load m1+0x1000 8
{look} m1
munmap m1
"""


def look(lab, method, word):
    """Return the outcome, and what was told and is due of the look."""
    outcome = lab.run(parse_program(ALIKE.format(method=method, look=word)))
    assert outcome.verdict is Verdict.OK
    return outcome, outcome.results[8], outcome.due.results[8]


def test_swapped_pages_are_told_by_their_frames_alone(faulty):
    outcome, told, due = look(faulty, "swapped", "pagemap")
    assert outcome.results[:8] == outcome.due.results[:8]
    assert told == Words(due.words[::-1])
    assert told != due


def test_page_that_is_free_is_told(faulty):
    _, told, due = look(faulty, "freed", "kpageflags")
    assert told == Words(("buddy", "buddy"))
    assert due == Words(("none", "none"))


def test_frame_that_is_not_of_the_object_is_told(faulty):
    _, told, due = look(faulty, "freed", "pagemap")
    first = faulty.target.window("arena").base >> 12
    assert due == Words((hex(first), hex(first + 1)))
    assert not set(told.words) & set(due.words)


COLUMN = """
open f0 /dev/memphys/{method} rdonly
mmap m0 f0 off=arena len=0x1000 prot=r flags=private
load m0 4
pagemap m0
kpagecount m0
smaps m0
"""


@pytest.mark.parametrize(
    ("method", "pages", "flags"),
    [("original", True, {"io", "mm"}), ("fault", False, {"io", "mm"})],
    ids=["pages for frames", "frames for pages"],
)
def test_method_in_the_wrong_column_is_told(faulty, method, pages, flags):
    """The model is told that the method is of the other kind than it is."""
    program = parse_program(COLUMN.format(method=method))
    outcome = faulty.run(program)
    assert outcome == outcome.due
    nodes = tuple(
        replace(node, pages=not pages) if node.method == method else node
        for node in faulty.target.nodes
    )
    model = Model(replace(faulty.target, nodes=nodes))
    due, *_ = model.expect(program).nearest(outcome.results)
    frame, count, vma = outcome.results[3:]
    assert due.results[:3] == outcome.results[:3]
    assert [frame.words[0].endswith(":file"), count] == [pages, Words((str(+pages),))]
    assert due.results[3] != frame
    assert due.results[4] == Words((str(+(not pages)),))
    changed = set(due.results[5].words) ^ set(vma.words)
    assert changed == {*flags, "rss=0", "rss=1"}


def test_reference_methods_raise_no_alarm(faulty):
    for method in ("remap", "fault"):
        for word in ("pagemap", "kpageflags", "kpagecount", "smaps"):
            _, told, due = look(faulty, method, word)
            assert told == due


def test_flag_of_frames_on_pages_is_told(faulty):
    outcome, told, due = look(faulty, "page-io", "smaps")
    assert outcome.results[:8] == outcome.due.results[:8]
    assert set(told.words) ^ set(due.words) == {"io"}
