"""hypothesis strategies: programs worth running.

A generated program begins with what makes the rest make sense: an open file and
a mapping. What follows is a list of operations that do not depend on one
another, on a handful of handles, so that hypothesis can drop any of them when
it shrinks. Boundaries come up far more often than chance would have it.

Everything stays inside of one window whose content is known and that programs
may write to; refused() asks for mappings that are not to be had.

This file puts programs together, blocks.py those with tasks that go on at once;
operations.py has the kinds of operations, and dials.py says how they are drawn.
"""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from mmapkit.program import (
    Close,
    Digest,
    Load,
    Mmap,
    Mode,
    Munmap,
    Offset,
    Open,
    Operation,
    Pread,
    Program,
    Prot,
    Pwrite,
    Rmmod,
    Sharing,
    Store,
    Wait,
)
from mmapkit.strategies.blocks import crowds, departures
from mmapkit.strategies.dials import (
    FAR,
    HOW,
    MANY,
    MODES,
    ORDERS,
    PROTS,
    RW,
    SHARINGS,
    WIDTHS,
    Dials,
    Setting,
    Shape,
    choices,
    rows,
)
from mmapkit.strategies.operations import mmap, operation

__all__ = [
    "SPAN",
    "Shape",
    "choices",
    "crowds",
    "departures",
    "large",
    "programs",
    "refused",
    "unloading",
]

#: a program keeps to so many pages, from a place of its own in the window
SPAN = 24


def _moved(op: Operation, distance: int, end: int) -> Operation:
    """Move the file offset of an operation, if it has one.

    A mapping that would reach past the end of the window is cut there.
    """
    if isinstance(op, Mmap | Pread | Pwrite):
        op = replace(op, off=Offset(op.off.delta + distance, op.off.base))
    if isinstance(op, Mmap) and op.off.delta < end:
        op = replace(op, len=min(op.len, end - op.off.delta))
    return op


def _denied(mode: Mode, op: Mmap) -> bool:
    """Tell whether a file opened so may not be mapped so."""
    shared_writable = op.flags is Sharing.SHARED and Prot.W in op.prot
    return mode is Mode.WRONLY or (mode is Mode.RDONLY and shared_writable)


def _starts(shape: Shape) -> tuple[int, ...]:
    """Return places for a program: the ends, a PMD's edge, and others."""
    last = shape.size - SPAN * shape.page
    edge = shape.huge - 3 * shape.page
    edges = [at for at in (edge, edge - 5 * shape.page) if 0 <= at <= last]
    others = range(0, last, 7 * shape.page)
    return (0, last, *edges, *others)


def programs(
    nodes: Sequence[str], shape: Shape | None = None, longest: int = 12
) -> st.SearchStrategy[Program]:
    """Return programs of 4 to longest operations on files of nodes.

    A touch before an access by the kernel is not counted.
    nodes: paths of files that show the same memory.
    """
    shape = shape or Shape()
    starts = _starts(shape)

    def make(first: bytes, second: bytes, rest: list[bytes]) -> Program:
        dials = Dials(first[:HOW])
        start = dials.pick(starts)
        node = dials.pick(nodes)
        forks = dials.pick((False, False, False, False, False, True))
        opening = Dials(first[HOW:])
        mode = opening.pick(MODES)
        setting = Setting(shape, nodes, Dials(second), opening)
        mapping = replace(mmap(setting, 0), file=0)
        if _denied(mode, mapping) and dials.pick((True, True, True, False)):
            mode = Mode.RDWR
        beginning: list[Operation] = [Open(0, node, mode), mapping]
        if dials.pick((False, True)):
            beginning.append(Open(1, dials.pick(nodes), Mode.RDWR))
        body = [op for row in rest for op in operation(shape, nodes, forks, row)]
        whole = (*beginning, *body)
        return Program(tuple(_moved(op, start, shape.size) for op in whole))

    rest = st.lists(rows, min_size=2, max_size=longest - 2)
    return st.builds(make, rows, rows, rest)


def unloading(
    nodes: Sequence[str], module: str, shape: Shape | None = None
) -> st.SearchStrategy[Program]:
    """Return programs that try to unload the module on their way, and at their end.

    By then they have let go of all, or of all but one thing.
    """

    def make(program: Program, places: list[int], kept: int) -> Program:
        operations = list(program)
        for place in places:
            operations.insert(place % (len(operations) + 1), Rmmod(module))
        ends: list[Operation] = [Wait(1), Close(0), Close(1)]
        ends += [Munmap(number) for number in range(3)]
        del ends[kept : kept + 1]
        return Program(
            (*operations, *ends, Rmmod(module), Open(0, nodes[0], Mode.RDWR))
        )

    places = st.lists(st.integers(0, 40), max_size=2)
    return st.builds(make, programs(nodes, shape), places, st.integers(0, 6))


def refused(
    nodes: Sequence[str], shape: Shape | None = None
) -> st.SearchStrategy[Program]:
    """Return programs with one mapping that is refused, or is at the very end.

    Offsets lie around the end of the offset space (the name "end") and of 64
    bits, lengths around nothing, a page, and more than there is. What is mapped
    all the same is short, and is not touched: nobody knows what is there.
    """
    shape = shape or Shape()
    page = shape.page
    end = Offset(0, "end") if shape.window else Offset(shape.size)
    ends = [replace(end, delta=end.delta + d * page) for d in (0, -1, -2, -5, -6, 1, 7)]
    wraps = [Offset((1 << 64) - d * page) for d in (1, 2, 5, 6)]
    signs = [Offset(1 << 63), Offset((1 << 63) - page)]
    # What is left of it in 32 bits, of bytes or of pages, is the beginning.
    cut = [] if shape.window else [d + n for d in (FAR, FAR * page) for n in (0, page)]
    crooked = [Offset(1), replace(end, delta=end.delta - 1), Offset((1 << 64) - 1)]
    inside = [Offset(0, shape.window), Offset(shape.size - page, shape.window)]
    short = [page, 0, 1, page + 1, 2 * page, 5 * page, 6 * page, shape.huge]
    long = [1 << 44, 1 << 47, 1 << 63, (1 << 64) - page, (1 << 64) - 1]
    offs = [*ends, *wraps, *signs, *map(Offset, cut), *crooked]
    calls = [(off, n) for off in offs for n in short + long]
    calls += [(off, n) for off in inside for n in [0, *long, *cut]]
    if cut:
        # An offset that is cut off makes sense of a length that is not.
        calls += [(Offset(off), page) for off in cut for _ in range(4)]
        calls += [(inside[0], n) for n in cut for _ in range(4)]

    def make(row: bytes) -> Program:
        dials = Dials(row)
        off, length = dials.pick(calls)
        node, mode = dials.pick(nodes), dials.pick(MODES)
        mapping = Mmap(0, 0, off, length, dials.pick(PROTS), dials.pick(SHARINGS))
        return Program((Open(0, node, mode), mapping, Munmap(0)))

    return rows.map(make)


def large(
    nodes: Sequence[str], shape: Shape | None = None
) -> st.SearchStrategy[Program]:
    """Return programs with one mapping of many pages, or about what a PMD maps.

    They are few in a run: each touches hundreds of pages.
    """
    shape = shape or Shape()
    page = shape.page
    lengths = [shape.huge + d for d in (0, -page, page, -1, 1, -5 * page, 6 * page)]
    lengths += [count * page for count in MANY]
    starts = [0, page, shape.huge - page, shape.huge - 6 * page]
    cuts = [0, page, 5 * page, shape.huge // 2]

    def make(row: bytes) -> Program:
        dials = Dials(row)
        length, start = dials.pick(lengths), dials.pick(starts)
        node, flags = dials.pick(nodes), dials.pick(SHARINGS)
        order, width = dials.pick(ORDERS), dials.pick(WIDTHS)
        size = -(-length // page) * page
        start = min(start, shape.size - size)
        cut = dials.pick(cuts) % size
        return Program(
            (
                Open(0, node, Mode.RDWR),
                Mmap(0, 0, Offset(start, shape.window), length, RW, flags),
                Munmap(0, cut, page),
                Store(0, cut + page, width=width, value=0xA5),
                Digest(0, cut + page, order=order),
                Load(0, cut, width=width),
                Load(0, size - 8, width=8),
                Load(0, size, width=width),
            )
        )

    return rows.map(make)
