"""What a program has covered: which faults, in what sort of VMA, and its shape.

Only the model can tell: by the text, a load is a load. It counts accesses of the
program itself, page by page for faults, VMA by VMA for shapes. Driver VMAs are never
merged, so that is no shape; whether a fault brought a huge page, nobody is told.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache

from mmapkit.model.vma import Kind, Vma

#: "fault" or "shape", the sort of the VMA, the kind of fault or the shape
Mark = tuple[str, str, str]

#: how often each came up
Covered = Counter[Mark]


def sort_of(vma: Vma | None) -> str:
    """Return what sort of VMA it is, for people."""
    return "nothing" if vma is None else _sort(vma.kind, vma.shared)


@cache
def _sort(kind: Kind, shared: bool) -> str:
    sharing = "shared" if shared else "private"
    if not kind.special:
        return f"{sharing} memory"
    entry = "page" if kind.pages else "PFN"
    return f"{sharing} {entry} {'eager' if kind.eager else 'lazy'}"


def note_shapes(covered: Covered, vma: Vma) -> None:
    """Count that a VMA is accessed after what it has been through."""
    sort = sort_of(vma)
    for shape in _shapes(vma.past):
        covered["shape", sort, shape] += 1


def _shapes(past: frozenset[str]) -> Iterator[str]:
    ends = past & {"head", "tail"}
    if not past:
        yield "whole"
    if len(ends) == 2:
        yield "middle"
    elif ends:
        yield f"no {min(ends)}"
    yield from past - ends
