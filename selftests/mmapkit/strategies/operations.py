"""One operation: what the dials say of each kind, and how often each comes up.

Where the kernel accesses memory, the program does so before: see after_touch().
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mmapkit.program import (
    PEEK_WAYS,
    POKE_WAYS,
    WORD,
    Close,
    Digest,
    Faults,
    Fill,
    Fork,
    Kpagecount,
    Kpageflags,
    Load,
    Mmap,
    Mprotect,
    Munmap,
    Offset,
    Open,
    Operation,
    Pagemap,
    Peek,
    Poke,
    Pread,
    Pwrite,
    Smaps,
    Store,
    Via,
    Wait,
)
from mmapkit.strategies.dials import (
    FILES,
    HOW,
    MAPS,
    MODES,
    ORDERS,
    PROTS,
    SHARINGS,
    WHERE,
    WIDTHS,
    Dials,
    Setting,
    Shape,
)


def _load(s: Setting, number: int) -> Operation:
    return Load(number, s.place(), width=s.how.pick(WIDTHS))


def _store(s: Setting, number: int) -> Operation:
    width = s.how.pick(WIDTHS)
    value = s.how.pick((0xA5, 0, (1 << 64) - 1, 0x0123456789ABCDEF))
    return Store(number, s.place(), width=width, value=value)


def _digest(s: Setting, number: int) -> Operation:
    return Digest(
        number,
        s.place() if s.how.pick((False, True)) else 0,
        s.part(),
        width=s.how.pick(WIDTHS),
        order=s.how.pick(ORDERS),
    )


def _fill(s: Setting, number: int) -> Operation:
    return Fill(
        number,
        s.place() if s.how.pick((False, True)) else 0,
        s.part(),
        width=s.how.pick(WIDTHS),
        order=s.how.pick(ORDERS),
        seed=s.how.pick(range(1, 65)),
    )


def _munmap(s: Setting, number: int) -> Operation:
    return Munmap(number, s.boundary(), _surgical_length(s))


def _mprotect(s: Setting, number: int) -> Operation:
    return Mprotect(number, s.boundary(), _surgical_length(s), prot=s.how.pick(PROTS))


def _surgical_length(s: Setting) -> int | None:
    page = s.shape.page
    return s.where.pick((page, page, None, 2 * page, 3 * page, 1, 0))


def mmap(s: Setting, number: int) -> Mmap:
    off = s.offset()
    return Mmap(
        number,
        s.how.pick(FILES),
        replace(off, delta=off.delta + s.far()),
        s.length(),
        s.how.pick(PROTS),
        s.how.pick(SHARINGS),
    )


def _new_mmap(s: Setting, number: int) -> Mmap:
    return replace(mmap(s, number), map=number or 1)


def _pread(s: Setting, number: int) -> Operation:
    length = s.how.pick((8, 1, 64, 257, s.shape.page, 3 * s.shape.page + 1))
    off = Offset(s.place() + s.far(), s.shape.window)
    return Pread(s.how.pick(FILES), off, length)


def _pwrite(s: Setting, number: int) -> Operation:
    length = s.how.pick((8, 1, 64, 257, s.shape.page, 3 * s.shape.page + 1))
    off = Offset(s.place() + s.far(), s.shape.window)
    return Pwrite(s.how.pick(FILES), off, length, s.how.pick(range(1, 65)))


# Bytes that the kernel accesses: whole words where a debugger does.
_VISITS = (8, 1, 3, 16, 64, 256)


def _visit_length(how: Dials, via: Via) -> int:
    length = how.pick(_VISITS)
    return max(WORD, length - length % WORD) if via is Via.PTRACE else length


def peek(number: int, off: int, how: Dials) -> Peek:
    """Return an access of a few bytes by the kernel, in any of its ways."""
    via = how.pick(PEEK_WAYS)
    return Peek(number, off, len=_visit_length(how, via), via=via)


def poke(number: int, off: int, how: Dials) -> Poke:
    """Return the same that writes."""
    via = how.pick(POKE_WAYS)
    first = how.pick(range(1, 65))
    data = bytes(first + n & 0xFF for n in range(_visit_length(how, via)))
    return Poke(number, off, data=data, via=via)


def _peek(s: Setting, number: int) -> Operation:
    return peek(number, s.place(), s.how)


def _poke(s: Setting, number: int) -> Operation:
    return poke(number, s.place(), s.how)


def _open(s: Setting, number: int) -> Operation:
    return Open(1, s.how.pick(s.nodes), s.how.pick(MODES))


def _close(s: Setting, number: int) -> Operation:
    return Close(s.how.pick(FILES))


def _fork(s: Setting, number: int) -> Operation:
    return Fork(1)


def _wait(s: Setting, number: int) -> Operation:
    return Wait(1)


def _look(s: Setting, number: int) -> Operation:
    off = s.boundary()
    if s.how.pick((False, False, False, True)):
        return Smaps(number, off)
    pages = s.where.pick((6, 1, 2, 8, 32))
    kind = s.how.pick((Pagemap, Kpagecount, Kpageflags))
    return kind(number, off, pages * s.shape.page)


def _faults(s: Setting, number: int) -> Operation:
    return Faults()


_Maker = Callable[[Setting, int], Operation]

# Each as often as it stands here; the simplest first.
_OFTEN: tuple[_Maker, ...] = (
    *(_load, _store, _digest, _fill, _load, _store, _digest, _fill),
    *(_munmap, _mprotect, _munmap, _mprotect, _new_mmap, _new_mmap, mmap),
    *(_pread, _pread, _pwrite, _open, _close),
    *(_peek, _poke, _peek, _poke),
)
_PLAIN: tuple[_Maker, ...] = (*_OFTEN * 3, _look, _look, _faults)
_FORKING: tuple[_Maker, ...] = (*_PLAIN, *(_fork, _fork, _wait, _wait) * 3)


def after_touch(op: Operation) -> tuple[Operation, ...]:
    """Return an operation, and before it loads of all that the kernel accesses.

    A page that faults for ever cannot always be killed inside of the kernel: a
    fault that copy_to_user() raises looks at no signal as long as the handler says
    NOPAGE (fault_signal_pending() is asked after VM_FAULT_RETRY alone). In user mode
    it can be.
    """
    match op:
        case Peek():
            length = op.len
        case Poke():
            length = len(op.data)
        case _:
            return (op,)
    return Digest(op.map, op.off, length, width=1, proc=op.proc), op


def operation(
    shape: Shape, nodes: Sequence[str], forks: bool, row: bytes
) -> tuple[Operation, ...]:
    """Return the operation that a row stands for, after_touch()."""
    dials = Dials(row[:WHERE])
    make = dials.pick(_FORKING if forks else _PLAIN)
    number = dials.pick(MAPS)
    where, how = Dials(row[WHERE:HOW]), Dials(row[HOW:])
    op = make(Setting(shape, nodes, where, how), number)
    if forks and not isinstance(op, Fork | Wait):
        op = replace(op, proc=dials.pick((0, 0, 1)))
    if isinstance(op, Fill | Digest) and op.len is not None:
        op = replace(op, len=op.len - op.len % op.width)
    return after_touch(op)
