"""What the operations of a block may do to one another: what is atomic, may race.

The model lets the operations of a block come one after the other, in any order.
That is right only where they are atomic to one another. What is not, and
reaches for the same bytes, pages or handles as another task, has no outcome
that anybody could know: ModelError.

Atomic are loads and stores within an aligned word of eight bytes (Intel SDM 3A,
8.1.1). The first store to a page of a private mapping reads all of that page, byte
by byte. munmap() lets go of the lock before it clears the page table
(do_vmi_align_munmap()), and mprotect() takes VMAs one by one: both are atomic for
one task that touches one page. So is the end of a revoke, unmap_mapping_range().
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from mmapkit.errors import ModelError
from mmapkit.model.memory import by_page
from mmapkit.model.state import Process, State
from mmapkit.model.vma import Origin
from mmapkit.program import (
    Change,
    Close,
    Digest,
    Fill,
    Load,
    MapFlag,
    Memfd,
    Mmap,
    Mprotect,
    Munmap,
    OnMapping,
    Open,
    Operation,
    Peek,
    Poke,
    Pread,
    Pwrite,
    Ready,
    Request,
    Store,
)

#: bytes that one access reads or writes at once
_WORD = 8

#: memory of the target, or an island: its process, its number, whose it is
_Space = tuple[int, int, int] | None

#: "f" or "m", the process, and the number
_Handle = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class _Touch:
    """Bytes that are read or written."""

    space: _Space
    start: int
    end: int
    write: bool
    atomic: bool

    def races(self, other: "_Touch") -> bool:
        """Tell whether the two must not come at the same time."""
        return (
            self.space == other.space
            and self.start < other.end
            and other.start < self.end
            and (self.write or other.write)
            and not (self.atomic and other.atomic)
        )


@dataclass(slots=True)
class Reach:
    """What one operation reaches for, whether it will be let or not.

    pages are those of a mapping that it accesses, cut those whose VMA it changes.
    owned: of pages, those of an object of the target, by that. revokes: the object
    that is taken away. atomic: the access is one of an aligned word.
    """

    op: Operation
    touches: list[_Touch] = field(default_factory=list)
    uses: set[_Handle] = field(default_factory=set)
    changes: set[_Handle] = field(default_factory=set)
    pages: set[tuple[_Space, int]] = field(default_factory=set)
    cut: set[tuple[_Space, int]] = field(default_factory=set)
    owned: set[tuple[Origin, _Space, int]] = field(default_factory=set)
    revokes: Origin | None = None
    atomic: bool = False


def reach(state: State, op: Operation, length: int, known: int) -> Reach:
    """Return what an operation reaches for; length: bytes that it is about.

    known: islands of the process that were there before the block. The others
    are the task's own.
    """
    process = state.tasks[op.proc].process
    found = Reach(op)
    match op:
        case Open() | Close() | Memfd():
            found.changes.add(("f", process.leader, op.file))
        case Mmap(at=None, extra=MapFlag.NONE):
            if op.file is not None:
                found.uses.add(("f", process.leader, op.file))
            found.changes.add(("m", process.leader, op.map))
        case Pread(at=None) | Pwrite():
            found.uses.add(("f", process.leader, op.file))
            found.touches += _transfer(state, process, op)
        case Request(message=Ready(change=Change.REVOKE, path=path)):
            found.revokes = state.origin(path)
        case Request(message=Ready()):
            # Others can tell only whether it has been.
            pass
        case Munmap() | Mprotect() | Load() | Store() | Fill() | Digest():
            _reach_mapping(state, process, op, length, known, found)
        case Peek() | Poke():
            _reach_mapping(state, process, op, length, known, found)
        case _:
            raise ModelError(f"the model does not follow {op.word} into a block")
    return found


def _transfer(state: State, process: Process, op: Pread | Pwrite) -> Iterator[_Touch]:
    file = process.files.get(op.file)
    if file is not None and not file.node.owns:
        start = file.node.start + state.target.resolve(op.off)
        yield _Touch(None, start, start + op.len, isinstance(op, Pwrite), False)


def _reach_mapping(
    state: State,
    process: Process,
    op: OnMapping,
    length: int,
    known: int,
    found: Reach,
) -> None:
    found.uses.add(("m", process.leader, op.map))
    mapping = process.maps.get(op.map)
    if mapping is None:
        return
    island = next(i for i, that in enumerate(process.islands) if that is mapping.island)
    space = process.leader, island, -1 if island < known else op.proc
    parts = list(by_page(op.off, length, state.page))
    pages = {(space, mapping.index(at)) for at, _ in parts}
    if isinstance(op, Munmap | Mprotect):
        found.cut |= pages
        return
    found.pages |= pages
    write = isinstance(op, Store | Fill | Poke)
    found.atomic = isinstance(op, Load | Store) and op.off % _WORD + length <= _WORD
    for at, count in parts:
        vma, index = mapping.vma(at), mapping.index(at)
        if vma is None:
            continue
        if vma.origin is not None:
            found.owned.add((vma.origin, space, index))
        start = index * state.page + at % state.page
        memory = vma.address(index, state.page)
        if not vma.shared:
            yours = _Touch(space, start, start + count, write, found.atomic)
            found.touches.append(yours)
        if memory is None or index in vma.private:
            continue
        start = memory + at % state.page
        if vma.shared or not write:
            write_memory = write and vma.shared
            touch = _Touch(None, start, start + count, write_memory, found.atomic)
        else:
            touch = _Touch(None, memory, memory + state.page, False, False)
        found.touches.append(touch)


def refuse_races(lanes: Sequence[Sequence[Reach]]) -> None:
    """Refuse a block whose tasks get in one another's way; lanes: one a task."""
    for one, other in combinations(lanes, 2):
        for a in one:
            for b in other:
                if any(x.races(y) for x in a.touches for y in b.touches):
                    _refuse(a, b, "they reach for the same bytes")
                if a.changes & (b.changes | b.uses) or b.changes & a.uses:
                    _refuse(a, b, "one changes the handle of the other")
    for number, lane in enumerate(lanes):
        others = [*lanes[:number], *lanes[number + 1 :]]
        for found in lane:
            if found.cut:
                _refuse_cut(found, others)
            if found.revokes is not None:
                _refuse_revoke(found, others)


def _refuse_cut(cutter: Reach, others: Iterable[Sequence[Reach]]) -> None:
    """Refuse munmap and mprotect of what others access in more than one place."""
    seen: set[tuple[int, tuple[_Space, int]]] = set()
    for number, lane in enumerate(others):
        for found in lane:
            common = cutter.cut & found.pages
            seen |= {(number, page) for page in common}
            if common and (len(seen) > 1 or not found.atomic):
                _refuse(cutter, found, "it is not done with all pages at once")


def _refuse_revoke(revoke: Reach, others: Iterable[Sequence[Reach]]) -> None:
    """Refuse to take away what others access in more than one place."""
    seen: set[tuple[int, _Space, int]] = set()
    for number, lane in enumerate(others):
        for found in lane:
            common = {key for key in found.owned if key[0] == revoke.revokes}
            seen |= {(number, space, index) for _, space, index in common}
            if common and (len(seen) > 1 or not found.atomic):
                _refuse(revoke, found, "pages go one by one")


def _refuse(one: Reach, other: Reach, reason: str) -> None:
    raise ModelError(
        f"{one.op.word} of p{one.op.proc} and {other.op.word} of p{other.op.proc} "
        f"are not atomic to one another in a block: {reason}"
    )
