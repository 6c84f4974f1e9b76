"""Programs with a block: tasks that reach for the same few words at once.

What they do to one another is atomic, or the model could not know what comes of
it: loads and stores of aligned words, in mappings that are all shared or all
private. One page may be unmapped or protected while one other task touches it.

Or an object is taken away, and made anew, while one task touches a page of it, and
others open, map and read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from hypothesis import strategies as st

from mmapkit.program import (
    Change,
    Close,
    Digest,
    Fork,
    Load,
    Mmap,
    Mode,
    Mprotect,
    Munmap,
    Offset,
    Open,
    Operation,
    Pread,
    Program,
    Prot,
    Ready,
    Request,
    Sharing,
    Store,
    Thread,
)
from mmapkit.strategies.dials import RW, SHARINGS, WIDTHS, Dials, Shape, rows

#: pages of the mappings; the last one is what munmap and mprotect are for
_PAGES = 6
_LAST = _PAGES - 1

_BYTES = 0x0101010101010101


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the operations of a block are made for; start is in bytes."""

    shape: Shape
    start: int
    sharing: Sharing

    def mapping(self, number: int, file: int) -> Mmap:
        size = _PAGES * self.shape.page
        off = Offset(self.start, self.shape.window)
        return Mmap(number, file, off, size, RW, self.sharing)


def _access(s: _Setting, task: int, nth: int, number: int, dials: Dials) -> Operation:
    """Return a load or a store of one word; each store has bytes of its own."""
    store = dials.pick((True, False))
    pages = (0, 1, 2, _LAST) if task == 1 else (0, 1, 2)
    width = dials.pick(WIDTHS)
    off = dials.pick(pages) * s.shape.page + dials.pick((0, 8, s.shape.page - 8))
    off += dials.pick((0, 8 - width))
    if not store:
        return Load(number, off, width=width, proc=task)
    value = (16 * (task + 1) + nth) * _BYTES
    return Store(number, off, width=width, value=value, proc=task)


def _cut(s: _Setting, dials: Dials) -> Operation:
    page = s.shape.page
    prot = dials.pick((None, Prot.R, Prot.NONE))
    if prot is None:
        return Munmap(0, _LAST * page, page)
    return Mprotect(0, _LAST * page, page, prot=prot)


def _part(s: _Setting, task: int, drawn: Sequence[bytes]) -> list[Operation]:
    """Return what one task does in the block."""
    found: list[Operation] = []
    for nth, row in enumerate(drawn):
        dials = Dials(row)
        kind = dials.pick(("access", "access", "access", "access", "cut", "map"))
        if kind == "map" and nth == 0:
            # Handles of its own, so that no other task waits for them.
            new = s.mapping(4 + task, 0)
            found.append(replace(new, proc=task))
            found.append(_access(s, task, nth, new.map, dials))
        elif kind == "cut" and task == 0:
            found.append(_cut(s, dials))
        else:
            found.append(_access(s, task, nth, dials.pick((0, 1)), dials))
    return found


def crowds(
    nodes: Sequence[str], shape: Shape | None = None, longest: int = 3
) -> st.SearchStrategy[Program]:
    """Return programs with a block of two tasks or three.

    nodes: paths of files that show the same memory. longest: operations that one
    of two tasks draws; of three, each has two.
    """
    shape = shape or Shape()
    last = shape.size - _PAGES * shape.page
    edge = shape.huge - 3 * shape.page
    starts = [at for at in (0, edge, last) if 0 <= at <= last]

    def make(first: bytes, parts: list[list[bytes]]) -> Program:
        dials = Dials(first)
        start = dials.pick(starts)
        setting = _Setting(shape, start, dials.pick(SHARINGS))
        makers = [dials.pick((Thread, Fork)) for _ in parts[1:]]
        touched = dials.pick((None, None, 0, 1))
        whole: list[Operation] = [
            Open(0, dials.pick(nodes), Mode.RDWR),
            Open(1, dials.pick(nodes), Mode.RDWR),
            setting.mapping(0, 0),
            setting.mapping(1, 1),
        ]
        if touched is not None:
            whole.append(Store(touched, 0, width=8, value=_BYTES))
        whole += [maker(task) for task, maker in enumerate(makers, start=1)]

        limit = longest if len(parts) == 2 else 2
        lanes = [_part(setting, n, part[:limit]) for n, part in enumerate(parts)]
        block = [op for turn in zip_longest(*lanes) for op in turn if op is not None]
        begin = len(whole)
        whole += block
        ends = ((begin, len(whole)),)
        whole += _looks(setting, range(len(parts)))
        return Program(tuple(whole), ends)

    part = st.lists(rows, min_size=1, max_size=longest)
    return st.builds(make, rows, st.lists(part, min_size=2, max_size=3))


def _looks(s: _Setting, tasks: Sequence[int]) -> list[Operation]:
    """Return what finds each byte that must be there, or must not."""
    rest = _LAST * s.shape.page
    found: list[Operation] = []
    for task in tasks:
        found += [Digest(m, 0, rest, proc=task) for m in (0, 1)]
        found += [Load(m, rest, width=8, proc=task) for m in (0, 1)]
    off = Offset(s.start, s.shape.window)
    return [*found, Pread(0, off, _PAGES * s.shape.page)]


# -------------------------------------------------------- objects that come and go

_ASKS = (
    *((Change.REVOKE,), (Change.REVOKE, Change.MAKE), (Change.DELETE,)),
    *((Change.REVOKE,), (Change.DELETE, Change.MAKE), (Change.MAKE, Change.REVOKE)),
    (Change.DELETE, Change.REVOKE),
)


def _touching(s: _Setting, task: int, nth: int, dials: Dials) -> Operation:
    """Return what a task does to the one page that it has to do with."""
    kind = dials.pick((*("load", "store") * 4, "munmap", "mprotect"))
    page = s.shape.page
    if kind == "munmap":
        return Munmap(0, 0, page, proc=task)
    if kind == "mprotect":
        return Mprotect(0, 0, page, prot=dials.pick((Prot.R, RW)), proc=task)
    off = dials.pick((0, 8, page - 8))
    if kind == "load":
        return Load(0, off, width=8, proc=task)
    return Store(0, off, width=8, value=(nth + 1) * _BYTES, proc=task)


def _calling(s: _Setting, node: str, task: int, nth: int, dials: Dials) -> Operation:
    """Return what a task asks for without a touch; each handle is its own."""
    kind = dials.pick(("mmap", "mmap", "open", "pread", "close", "other mmap"))
    match kind:
        case "mmap":
            return replace(s.mapping(4 + nth, 0), proc=task)
        case "other mmap":
            return replace(s.mapping(4 + nth, 2), proc=task)
        case "open":
            return Open(2, node, Mode.RDWR, proc=task)
        case "pread":
            return Pread(0, Offset(s.start, s.shape.window), 8, proc=task)
    return Close(dials.pick((0, 2)), proc=task)


def departures(node: str, shape: Shape | None = None) -> st.SearchStrategy[Program]:
    """Return programs in which an object goes while others are at it.

    The first task makes the requests, the second touches one page, the third makes
    calls. Afterwards all is looked at.
    """
    shape = shape or Shape(window=None)

    def make(first: bytes, touches: list[bytes], calls: list[bytes]) -> Program:
        dials = Dials(first)
        s = _Setting(shape, 0, dials.pick(SHARINGS))
        asks = [Request(Ready(change, node)) for change in dials.pick(_ASKS)]
        opened = dials.pick((True, True, True, False))
        whole: list[Operation] = [Open(0, node, Mode.RDWR), s.mapping(0, 0)]
        if dials.pick((True, False)):
            whole.append(Store(0, 0, width=8, value=_BYTES))
        # A child has files and mappings of its own, and so all that it changes.
        whole += [Fork(1), Fork(2)]
        if not opened:
            whole += [Munmap(0), Close(0), Munmap(0, proc=2), Close(0, proc=2)]
        lanes: list[list[Operation]] = [
            list(asks),
            [_touching(s, 1, n, Dials(row)) for n, row in enumerate(touches)],
            [_calling(s, node, 2, n, Dials(row)) for n, row in enumerate(calls)],
        ]
        begin = len(whole)
        whole += [op for turn in zip_longest(*lanes) for op in turn if op is not None]
        ends = ((begin, len(whole)),)
        page = shape.page
        whole += [
            *(Load(0, at, width=8, proc=1) for at in (0, page)),
            *(Load(4 + n, at, width=8, proc=2) for n in range(3) for at in (0, page)),
            Pread(0, Offset(0), 8, proc=1),
            Pread(2, Offset(0), 8, proc=2),
            *(Open(3, node, Mode.RDWR), Request(Ready(Change.MAKE, node))),
        ]
        return Program(tuple(whole), ends)

    part = st.lists(rows, min_size=1, max_size=3)
    return st.builds(make, rows, part, part)
