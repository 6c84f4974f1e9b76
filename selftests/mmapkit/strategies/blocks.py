"""Programs with a block: tasks that reach for the same few words at once.

What they do to one another is atomic, or the model could not know what comes of
it: loads and stores of aligned words, in mappings that are all shared or all
private. One page may be unmapped or protected while one other task touches it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from hypothesis import strategies as st

from mmapkit.program import (
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
