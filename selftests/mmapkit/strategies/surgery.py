"""Programs that cut address space up: what mm does to a driver's VMAs.

A program begins with two or three mappings of a few pages, of files of the target
and of memory of nobody, and goes on with operations on places in them. Places are
handles and page numbers, so that mappings meet: one is moved onto another, a new
one put in the middle of an old one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from mmapkit.program import (
    ADVICES,
    Change,
    Close,
    Digest,
    Fill,
    Fork,
    Limit,
    Load,
    Madvise,
    MapFlag,
    Memfd,
    Mincore,
    Mlock,
    Mmap,
    Mode,
    Mprotect,
    Mremap,
    Msync,
    Munlock,
    Munmap,
    Offset,
    Open,
    Operation,
    Place,
    Pread,
    Program,
    Prot,
    Pwrite,
    Ready,
    RemapFlag,
    Request,
    Sharing,
    Store,
    SyncFlag,
    Wait,
)
from mmapkit.strategies.dials import (
    FAR,
    HOW,
    RW,
    SHARINGS,
    WHERE,
    WIDTHS,
    Dials,
    Shape,
    rows,
)
from mmapkit.strategies.operations import after_touch, peek, poke

#: pages of a file that a program keeps to, and of one mapping of it
PAGES = 12
_COUNTS = (4, 1, 2, 3, 5, 6, 8)

_PROTS = (RW, Prot.R, RW, Prot.NONE, Prot.R, Prot.W)
_ADVICES = (*("dontneed",) * 8, *("dontfork", "dofork") * 2, *ADVICES)
_SYNCS = (
    frozenset({SyncFlag.SYNC}),
    frozenset({SyncFlag.ASYNC}),
    frozenset({SyncFlag.INVALIDATE}),
    frozenset({SyncFlag.SYNC, SyncFlag.INVALIDATE}),
    frozenset({SyncFlag.SYNC, SyncFlag.ASYNC}),
)
_MOVES = (
    RemapFlag.MAYMOVE | RemapFlag.FIXED,
    RemapFlag.MAYMOVE,
    RemapFlag.NONE,
    RemapFlag.MAYMOVE | RemapFlag.FIXED,
    RemapFlag.MAYMOVE | RemapFlag.DONTUNMAP,
    RemapFlag.MAYMOVE | RemapFlag.FIXED | RemapFlag.DONTUNMAP,
    RemapFlag.FIXED,
    RemapFlag.DONTUNMAP,
)
_EXTRAS = (
    *(MapFlag.NONE, MapFlag.FIXED, MapFlag.NONE, MapFlag.FIXED),
    *(MapFlag.POPULATE, MapFlag.NOREPLACE, MapFlag.LOCKED, MapFlag.NORESERVE),
    MapFlag.FIXED | MapFlag.POPULATE,
)


class _Cut:
    """The dials of one operation, and what they are read as."""

    def __init__(
        self,
        shape: Shape,
        row: bytes,
        sizes: Sequence[int] = (),
        node: str = "",
    ) -> None:
        self.page = shape.page
        self.sizes = sizes
        self.node = node
        self.what = Dials(row[:WHERE])
        self.where = Dials(row[WHERE:HOW])
        self.how = Dials(row[HOW:])

    def start(self) -> int:
        """Return where a range in a mapping starts, in bytes; seldom in mid-page."""
        number = self.where.pick((0, 1, 2, 3, 0, 1, 2, 4, 1, -1, 7))
        return number * self.page + self.where.pick((*(0,) * 23, 1))

    def length(self) -> int:
        """Return the length of a range, in bytes."""
        pages = self.where.pick((1, 2, 3, 1, 4, 8))
        return pages * self.page - self.where.pick((*(0,) * 11, 1))

    def part(self) -> int | None:
        """Return the length of a range, in bytes; None: the rest of the mapping."""
        return None if self.where.pick((True, False, False)) else self.length()

    def place(self) -> Place:
        """Return where something goes."""
        number = self.how.pick((1, 0, 2, 1, 0, 2, 3))
        return Place(number, self.how.pick((0, 1, 2, 4, 6, -3)) * self.page)

    def offset(self) -> Offset:
        """Return a file offset of whole pages; seldom one past 4 GiB."""
        number = self.how.pick(range(PAGES - 8))
        return Offset(number * self.page + self.how.pick((*(0,) * 15, FAR)))


_Maker = Callable[[_Cut, int], Operation]


def _mremap(cut: _Cut, number: int) -> Operation:
    flags = cut.how.pick(_MOVES)
    if number < len(cut.sizes) and cut.where.pick((True, False)):
        start, old = 0, cut.sizes[number]
    else:
        start, old = cut.start(), cut.length()
    more = old + cut.page, old + 3 * cut.page
    new = cut.where.pick((old, old, *more, cut.page, 2 * cut.page))
    at = cut.place() if RemapFlag.FIXED in flags else None
    to = cut.how.pick((number, 3, number, 2))
    return Mremap(number, start, to=to, len=old, new=new, flags=flags, at=at)


def _mmap(cut: _Cut, number: int) -> Operation:
    del number
    extra = cut.how.pick(_EXTRAS)
    fixed = extra & (MapFlag.FIXED | MapFlag.NOREPLACE)
    at = cut.place() if fixed or cut.where.pick((False, True)) else None
    length = cut.where.pick(_COUNTS) * cut.page
    prot = cut.where.pick(_PROTS)
    file = cut.where.pick((0, 1, None))
    off = Offset(0) if file is None else cut.offset()
    sharing = cut.how.pick(SHARINGS)
    return Mmap(cut.how.pick((4, 2, 5)), file, off, length, prot, sharing, extra, at)


def _munmap(cut: _Cut, number: int) -> Operation:
    return Munmap(number, cut.start(), cut.part())


def _mprotect(cut: _Cut, number: int) -> Operation:
    return Mprotect(number, cut.start(), cut.part(), prot=cut.how.pick(_PROTS))


def _madvise(cut: _Cut, number: int) -> Operation:
    return Madvise(number, cut.start(), cut.part(), advice=cut.how.pick(_ADVICES))


def _msync(cut: _Cut, number: int) -> Operation:
    return Msync(number, cut.start(), cut.part(), flags=cut.how.pick(_SYNCS))


def _lock(cut: _Cut, number: int) -> Operation:
    kind = cut.how.pick((Mlock, Mlock, Munlock))
    return kind(number, cut.start(), cut.part())


def _mincore(cut: _Cut, number: int) -> Operation:
    return Mincore(number, cut.start(), cut.part())


def _load(cut: _Cut, number: int) -> Operation:
    rest = cut.how.pick((0, 8, cut.page - 8, cut.page - 3))
    return Load(number, cut.start() + rest, width=cut.how.pick(WIDTHS))


def _store(cut: _Cut, number: int) -> Operation:
    rest = cut.how.pick((0, 8, cut.page - 8, cut.page - 3))
    width = cut.how.pick(WIDTHS)
    return Store(number, cut.start() + rest, width=width, value=0x1122334455667788)


def _digest(cut: _Cut, number: int) -> Operation:
    return Digest(number, cut.where.pick((0, 0, 1, 2)) * cut.page)


def _fill(cut: _Cut, number: int) -> Operation:
    start = cut.where.pick((0, 0, 1, 2)) * cut.page
    return Fill(number, start, seed=cut.how.pick(range(1, 60)))


def _forking(cut: _Cut, number: int) -> Operation:
    advice = cut.how.pick(("wipeonfork", "dontfork", "dofork", "keeponfork"))
    return Madvise(number, cut.start(), cut.part(), advice=advice)


def _populating(cut: _Cut, number: int) -> Operation:
    advice = cut.how.pick(("populate_write", "dontneed", "populate_read"))
    return Madvise(number, cut.start(), cut.part(), advice=advice)


def _limit(cut: _Cut, number: int) -> Operation:
    del number
    return Limit(cut.how.pick((0, 1, 4, 8, 2, 6, 16)) * cut.page)


def _grow(cut: _Cut, number: int) -> Operation:
    number = min(number, len(cut.sizes) - 1)
    size = cut.sizes[number]
    new = size + cut.how.pick((1, 2, 4, 8)) * cut.page
    flags = cut.how.pick((RemapFlag.MAYMOVE, RemapFlag.NONE))
    return Mremap(number, 0, to=number, len=size, new=new, flags=flags)


def _peek(cut: _Cut, number: int) -> Operation:
    rest = cut.where.pick((0, 8, cut.page - 8, cut.page - 3))
    return peek(number, cut.start() + rest, cut.how)


def _poke(cut: _Cut, number: int) -> Operation:
    rest = cut.where.pick((0, 8, cut.page - 8, cut.page - 3))
    return poke(number, cut.start() + rest, cut.how)


def _fork(cut: _Cut, number: int) -> Operation:
    del cut, number
    return Fork(1)


def _wait(cut: _Cut, number: int) -> Operation:
    del cut, number
    return Wait(1)


def _ask(cut: _Cut, number: int) -> Operation:
    del number
    changes = (Change.REVOKE, Change.MAKE, Change.REVOKE, Change.DELETE, Change.MAKE)
    return Request(Ready(cut.how.pick(changes), cut.node))


def _open(cut: _Cut, number: int) -> Operation:
    del number
    return Open(cut.how.pick((0, 1, 0, 2)), cut.node, Mode.RDWR)


def _close(cut: _Cut, number: int) -> Operation:
    del number
    return Close(cut.how.pick((0, 1, 0, 2)))


def _transfer(cut: _Cut, number: int) -> Operation:
    del number
    file = cut.how.pick((0, 1, 0, 2))
    if cut.how.pick((False, True)):
        return Pwrite(file, cut.offset(), 8, seed=cut.how.pick(range(1, 60)))
    return Pread(file, cut.offset(), 8)


# Each as often as it stands here; the simplest first.
_LOOK: tuple[_Maker, ...] = (_load, _store, _digest, _fill, _store, _digest)
_CUT: tuple[_Maker, ...] = (_munmap, _mremap, _mprotect, _mmap)

# A program is about one thing more often than about all: what needs three rare
# operations in a row, drawn from everything, would never come (swarm testing:
# Groce and others, 2012).
_THEMES: tuple[tuple[_Maker, ...], ...] = (
    (*_LOOK, *_CUT, _madvise, _mincore, _lock, _msync, _fork, _wait),
    (*_LOOK, _mremap, _mremap, _mremap, _munmap),
    (*_LOOK, _forking, _forking, _fork, _fork, _wait, _mprotect),
    (*_LOOK, _madvise, _madvise, _mincore, _munmap, _fork),
    (*_LOOK, _lock, _mincore, _mprotect, _populating, _populating),
    (*_LOOK, *_CUT, *_CUT),
    (*_LOOK, *(_limit,) * 3, *(_mmap,) * 3, *(_grow,) * 4, _mremap, _munmap, _fork),
)

# The same, and the object behind the node comes and goes.
_LIVES: tuple[tuple[_Maker, ...], ...] = (
    (*_LOOK, *_CUT, _fork, _wait, _ask, _ask, _ask, _open, _close),
    (*_LOOK, _fork, _fork, _wait, _ask, _ask, _open, _open, _transfer, _mmap, _munmap),
    (*_LOOK, *(_mremap,) * 4, _mprotect, _munmap, _madvise, _lock, _ask, _ask, _fork),
    (_ask, _ask, _open, _close, _close, _munmap, _munmap, _mmap, _store, _wait, _fork),
    (*_LOOK, *(_peek, _poke) * 3, _ask, _ask, _fork, _mprotect, _transfer, _open),
)


def _opening(shape: Shape, nodes: Sequence[str], row: bytes) -> list[Operation]:
    """Return what a program begins with: two files, three mappings."""
    cut = _Cut(shape, row)
    mode = cut.how.pick((Mode.RDWR, Mode.RDWR, Mode.RDWR, Mode.RDONLY))
    sharing = cut.how.pick(SHARINGS)
    denied = mode is Mode.RDONLY and sharing is Sharing.SHARED
    prot = Prot.R if nodes and denied else RW
    other = cut.how.pick((False, False, True))
    others = Memfd(1, PAGES * shape.page), Open(1, "/dev/zero", Mode.RDWR)
    second: Operation = cut.how.pick((*others, others[0]))
    if nodes and not other:
        second = Open(1, cut.how.pick(nodes), Mode.RDWR)
    third = cut.where.pick((None, 0, 1))
    counts = [cut.where.pick(_COUNTS) * shape.page for _ in range(3)]
    return [
        Open(0, cut.how.pick(nodes), mode) if nodes else Memfd(0, PAGES * shape.page),
        second,
        Mmap(0, 0, Offset(0), counts[0], prot, sharing),
        Mmap(1, 1, Offset(0), counts[1], RW, cut.how.pick(SHARINGS)),
        Mmap(2, third, Offset(0), counts[2], Prot.R, Sharing.PRIVATE),
    ]


def surgery(
    nodes: Sequence[str],
    shape: Shape | None = None,
    longest: int = 30,
    *,
    lives: bool = False,
) -> st.SearchStrategy[Program]:
    """Return programs of up to longest operations on mappings that get cut up.

    A touch before an access by the kernel is not counted.
    nodes: paths of files, of the size of the shape. Without any, all is memory of
    the kernel's own. lives: requests make what is behind the first, and take it away.
    """
    shape = shape or Shape()

    def make(first: bytes, rest: list[bytes]) -> Program:
        opening = _opening(shape, nodes, first)
        sizes = [op.len for op in opening if isinstance(op, Mmap)]
        theme = Dials(first).pick(_LIVES if lives else _THEMES)
        node = nodes[0] if lives else ""
        body: list[Operation] = []
        forked = False
        for row in rest:
            cut = _Cut(shape, row, sizes, node)
            make_one = cut.what.pick(theme)
            op = make_one(cut, cut.what.pick((0, 1, 0, 2, 0, 1, 3)))
            if forked and not isinstance(op, Fork | Wait):
                op = replace(op, proc=cut.what.pick((0, 0, 1)))
            forked = forked or isinstance(op, Fork)
            body += after_touch(op)
        return Program((*opening, *body))

    some = st.lists(rows, min_size=1, max_size=longest - 5)
    longer = st.lists(rows, min_size=8, max_size=longest - 5)
    bodies = st.one_of(some, longer, longer) if lives else some | longer
    return st.builds(make, rows, bodies)
