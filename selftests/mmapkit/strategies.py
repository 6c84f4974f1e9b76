"""hypothesis strategies: programs worth running.

A generated program begins with what makes the rest make sense: an open file and
a mapping. What follows is a list of operations that do not depend on one
another, on a handful of handles, so that hypothesis can drop any of them when
it shrinks. Boundaries come up far more often than chance would have it.

Everything stays inside of one window whose content is known and that programs
may write to; refused() asks for mappings that are not to be had.

An operation is drawn as three small integers, each of which is then read like
a row of dials (mixed radix). hypothesis pays for every choice that it makes,
about 50 microseconds here, and three choices an operation is what a rate of
hundreds of programs a second allows. All zero is the simplest operation, and
the simplest settings come first on each dial, so programs still shrink well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import strategies as st

from mmapkit.program import (
    Close,
    Digest,
    Fill,
    Fork,
    Load,
    Mmap,
    Mode,
    Mprotect,
    Munmap,
    Offset,
    Open,
    Operation,
    Order,
    Pread,
    Program,
    Prot,
    Pwrite,
    Sharing,
    Store,
    Wait,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    """What strategies have to know of a window; sizes in bytes.

    window is its name; None: all of a file of that size. huge is what a PMD
    maps.
    """

    window: str | None = "arena"
    size: int = 4 << 20
    page: int = 4096
    huge: int = 2 << 20


#: a program keeps to so many pages, from a place of its own in the window
SPAN = 24

# Pages of a mapping: about as many as the original question was about, and
# about as many as batches, a leaf of a radix tree and a page table hold.
_FEW = (6, 1, 2, 3, 4, 5, 7, 8, 9)
_MANY = (10, 17, 63, 64, 65, 127, 255, 256, 511)

#: one more than the largest integer that is drawn; no row of dials needs more
_DRAW = 1 << 16

_MODES = (*(Mode.RDWR,) * 5, *(Mode.RDONLY,) * 3, Mode.WRONLY)
_RW = Prot.R | Prot.W
_PROTS = (
    *(_RW, _RW, _RW, Prot.R, Prot.R, Prot.W, Prot.NONE),
    *(Prot.X, Prot.R | Prot.X, Prot.W | Prot.X, _RW | Prot.X),
)
_SHARINGS = (Sharing.SHARED, Sharing.PRIVATE)
_WIDTHS = (8, 4, 2, 1)
_ORDERS = tuple(Order)
# m0 is the mapping that is there for certain.
_MAPS = (0, 0, 0, 0, 0, 0, 1, 1, 2)
_FILES = (0, 0, 0, 1)


class _Dials:
    """An integer, read digit by digit; each digit has a radix of its own."""

    def __init__(self, value: int) -> None:
        self._value = value

    def pick(self, choices: Sequence[T]) -> T:
        """Return the choice that the next dial points to."""
        self._value, index = divmod(self._value, len(choices))
        return choices[index]


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the dials of one operation are read from."""

    shape: Shape
    nodes: Sequence[str]
    where: _Dials
    how: _Dials

    def place(self) -> int:
        """Return an offset in a mapping of a few pages, or a little past it."""
        page = self.shape.page
        number = self.where.pick(range(10))
        rest = self.where.pick(
            (
                *(0, 0, 0, 0, 8, page - 8, page - 4, page - 2, page - 1),
                *(1, 2, 3, 4, 6, page // 2, page // 2 + 5),
            )
        )
        return number * page + rest

    def boundary(self) -> int:
        """Return the start of a page of a mapping, or next to it."""
        page = self.shape.page
        starts = (*range(0, 8 * page, page),) * 2
        return int(self.where.pick((*starts, 1, page - 1)))

    def offset(self) -> Offset:
        """Return a file offset; programs() moves it to the program's place."""
        page = self.where.pick(range(7))
        return Offset(page * self.shape.page, self.shape.window)

    def length(self) -> int:
        """Return the length of a mapping: whole pages more often than not."""
        page = self.shape.page
        pages = self.where.pick((*_FEW * 4, *_MANY))
        return pages * page - self.where.pick((0, 0, 0, 1, page // 2, page - 1))

    def part(self) -> int | None:
        """Return the length of a range in a mapping; None: all the rest."""
        page = self.shape.page
        return self.where.pick(
            (None, None, 8, 64, page, page + 8, 2 * page, 3 * page - 8, 0)
        )


def _load(s: _Setting, number: int) -> Operation:
    return Load(number, s.place(), width=s.how.pick(_WIDTHS))


def _store(s: _Setting, number: int) -> Operation:
    width = s.how.pick(_WIDTHS)
    value = s.how.pick((0xA5, 0, (1 << 64) - 1, 0x0123456789ABCDEF))
    return Store(number, s.place(), width=width, value=value)


def _digest(s: _Setting, number: int) -> Operation:
    return Digest(
        number,
        s.place() if s.how.pick((False, True)) else 0,
        s.part(),
        width=s.how.pick(_WIDTHS),
        order=s.how.pick(_ORDERS),
    )


def _fill(s: _Setting, number: int) -> Operation:
    return Fill(
        number,
        s.place() if s.how.pick((False, True)) else 0,
        s.part(),
        width=s.how.pick(_WIDTHS),
        order=s.how.pick(_ORDERS),
        seed=s.how.pick(range(1, 65)),
    )


def _munmap(s: _Setting, number: int) -> Operation:
    return Munmap(number, s.boundary(), _surgical_length(s))


def _mprotect(s: _Setting, number: int) -> Operation:
    return Mprotect(number, s.boundary(), _surgical_length(s), prot=s.how.pick(_PROTS))


def _surgical_length(s: _Setting) -> int | None:
    page = s.shape.page
    return s.where.pick((page, page, None, 2 * page, 3 * page, 1, 0))


def _mmap(s: _Setting, number: int) -> Mmap:
    return Mmap(
        number,
        s.how.pick(_FILES),
        s.offset(),
        s.length(),
        s.how.pick(_PROTS),
        s.how.pick(_SHARINGS),
    )


def _new_mmap(s: _Setting, number: int) -> Mmap:
    return replace(_mmap(s, number), map=number or 1)


def _pread(s: _Setting, number: int) -> Operation:
    length = s.how.pick((8, 1, 64, 257, s.shape.page, 3 * s.shape.page + 1))
    off = Offset(s.place(), s.shape.window)
    return Pread(s.how.pick(_FILES), off, length)


def _pwrite(s: _Setting, number: int) -> Operation:
    length = s.how.pick((8, 1, 64, 257, s.shape.page, 3 * s.shape.page + 1))
    off = Offset(s.place(), s.shape.window)
    return Pwrite(s.how.pick(_FILES), off, length, s.how.pick(range(1, 65)))


def _open(s: _Setting, number: int) -> Operation:
    return Open(1, s.how.pick(s.nodes), s.how.pick(_MODES))


def _close(s: _Setting, number: int) -> Operation:
    return Close(s.how.pick(_FILES))


def _fork(s: _Setting, number: int) -> Operation:
    return Fork(1)


def _wait(s: _Setting, number: int) -> Operation:
    return Wait(1)


_Maker = Callable[[_Setting, int], Operation]

# Each as often as it stands here; the simplest first.
_PLAIN: tuple[_Maker, ...] = (
    *(_load, _store, _digest, _fill, _load, _store, _digest, _fill),
    *(_munmap, _mprotect, _munmap, _mprotect, _new_mmap, _new_mmap, _mmap),
    *(_pread, _pread, _pwrite, _open, _close),
)
_FORKING: tuple[_Maker, ...] = (*_PLAIN, _fork, _fork, _wait, _wait)


def _operation(
    shape: Shape, nodes: Sequence[str], forks: bool, draws: tuple[int, int, int]
) -> Operation:
    what, where, how = draws
    dials = _Dials(what)
    make = dials.pick(_FORKING if forks else _PLAIN)
    number = dials.pick(_MAPS)
    op = make(_Setting(shape, nodes, _Dials(where), _Dials(how)), number)
    if forks and not isinstance(op, Fork | Wait):
        op = replace(op, proc=dials.pick((0, 0, 1)))
    if isinstance(op, Fill | Digest) and op.len is not None:
        op = replace(op, len=op.len - op.len % op.width)
    return op


def _moved(op: Operation, distance: int, end: int) -> Operation:
    """Move the file offset of an operation, if it has one.

    A mapping that would reach past the end of the window is cut there.
    """
    if isinstance(op, Mmap | Pread | Pwrite):
        op = replace(op, off=Offset(op.off.delta + distance, op.off.base))
    if isinstance(op, Mmap):
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

    nodes: paths of files that show the same memory.
    """
    shape = shape or Shape()
    starts = _starts(shape)
    number = st.integers(0, _DRAW - 1)
    draws = st.tuples(number, number, number)

    def make(first: tuple[int, int, int], rest: list[tuple[int, int, int]]) -> Program:
        dials = _Dials(first[0])
        start = dials.pick(starts)
        node = dials.pick(nodes)
        forks = dials.pick((False, False, False, False, False, True))
        opening = _Dials(first[2])
        mode = opening.pick(_MODES)
        setting = _Setting(shape, nodes, _Dials(first[1]), opening)
        mapping = replace(_mmap(setting, 0), file=0)
        if _denied(mode, mapping) and dials.pick((True, True, True, False)):
            mode = Mode.RDWR
        beginning: list[Operation] = [Open(0, node, mode), mapping]
        if dials.pick((False, True)):
            beginning.append(Open(1, dials.pick(nodes), Mode.RDWR))
        body = [_operation(shape, nodes, forks, draw) for draw in rest]
        whole = (*beginning, *body)
        return Program(tuple(_moved(op, start, shape.size) for op in whole))

    rest = st.lists(draws, min_size=2, max_size=longest - 2)
    return st.builds(make, draws, rest)


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
    crooked = [Offset(1), replace(end, delta=end.delta - 1), Offset((1 << 64) - 1)]
    inside = [Offset(0, shape.window), Offset(shape.size - page, shape.window)]
    short = [page, 0, 1, page + 1, 2 * page, 5 * page, 6 * page, shape.huge]
    long = [1 << 44, 1 << 47, 1 << 63, (1 << 64) - page, (1 << 64) - 1]
    calls = [(off, n) for off in ends + wraps + signs + crooked for n in short + long]
    calls += [(off, n) for off in inside for n in [0, *long]]

    def make(
        node: str, mode: Mode, call: tuple[Offset, int], prot: Prot, flags: Sharing
    ) -> Program:
        off, length = call
        mapping = Mmap(0, 0, off, length, prot, flags)
        return Program((Open(0, node, mode), mapping, Munmap(0)))

    return st.builds(
        make,
        st.sampled_from(nodes),
        st.sampled_from(_MODES),
        st.sampled_from(calls),
        st.sampled_from(_PROTS),
        st.sampled_from(_SHARINGS),
    )


def large(
    nodes: Sequence[str], shape: Shape | None = None
) -> st.SearchStrategy[Program]:
    """Return programs with one mapping of many pages, or about what a PMD maps.

    They are few in a run: each touches hundreds of pages.
    """
    shape = shape or Shape()
    page = shape.page
    lengths = [shape.huge + d for d in (0, -page, page, -1, 1, -5 * page, 6 * page)]
    lengths += [count * page for count in _MANY]
    starts = [0, page, shape.huge - page, shape.huge - 6 * page]

    def make(
        node: str,
        start: int,
        length: int,
        flags: Sharing,
        order: Order,
        width: int,
        cut: int,
    ) -> Program:
        size = -(-length // page) * page
        start = min(start, shape.size - size)
        cut %= size
        return Program(
            (
                Open(0, node, Mode.RDWR),
                Mmap(0, 0, Offset(start, shape.window), length, _RW, flags),
                Munmap(0, cut, page),
                Store(0, cut + page, width=width, value=0xA5),
                Digest(0, cut + page, order=order),
                Load(0, cut, width=width),
                Load(0, size - 8, width=8),
                Load(0, size, width=width),
            )
        )

    cuts = [0, page, 5 * page, shape.huge // 2]
    return st.builds(
        make,
        st.sampled_from(nodes),
        st.sampled_from(starts),
        st.sampled_from(lengths),
        st.sampled_from(_SHARINGS),
        st.sampled_from(_ORDERS),
        st.sampled_from(_WIDTHS),
        st.sampled_from(cuts),
    )
