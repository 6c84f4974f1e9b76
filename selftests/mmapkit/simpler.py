"""Operations with simpler arguments: what shrink.py tries when no operation can go.

Of each field some values are simpler than others: what is taken when nothing is said,
no offset, whole pages, a page, one word. A value only ever gives way to a simpler one,
so this comes to an end.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from mmapkit.program import (
    WORD,
    Digest,
    Fill,
    MapFlag,
    Mmap,
    Mode,
    Mremap,
    Offset,
    OnRange,
    Operation,
    Order,
    Peek,
    Pread,
    Prot,
    Pwrite,
    RemapFlag,
    Sharing,
    Via,
)

#: bytes; of machines with larger ones the numbers stay larger
PAGE = 4096

#: what may be of any length
_ACCESSES = (Fill, Digest, Peek, Pread, Pwrite)

#: what is not further away than that is gone through page by page
_NEAR = 64 * PAGE

_RW = Prot.R | Prot.W


def _offsets(value: int | Offset) -> Iterator[int | Offset]:
    if isinstance(value, Offset):
        yield from (
            Offset(delta, value.base)
            for delta in _offsets(value.delta)
            if isinstance(delta, int)
        )
        return
    if value:
        yield 0
    if value % PAGE:
        yield value - value % PAGE
    if value > PAGE:
        yield PAGE
        yield value // PAGE // 2 * PAGE
    if PAGE < value <= _NEAR:
        yield value - PAGE


def _lengths(value: int) -> Iterator[int]:
    half = -(-value // PAGE // 2) * PAGE
    yield from (n for n in (PAGE, half) if n < value)
    if PAGE < value <= _NEAR:
        yield value - PAGE


def _numbers(value: int) -> Iterator[int]:
    yield from (n for n in (0, 1, value & 0xFF) if n < value)


def _bytes(value: bytes) -> Iterator[bytes]:
    for data in (bytes(WORD), value[:WORD], bytes(len(value))):
        if (len(data), data) < (len(value), value):
            yield data


def _always(simplest: object) -> Callable[[Any], Iterator[object]]:
    """Return what has one value for the simplest, and tells no others apart."""
    return lambda value: iter(() if value == simplest else (simplest,))


def _flags(value: object) -> Iterator[object]:
    if isinstance(value, Sharing) and value is not Sharing.SHARED:
        yield Sharing.SHARED


#: simpler values of a field, the simplest first
_SIMPLER: dict[str, Callable[[Any], Iterator[object]]] = {
    "off": _offsets,
    "len": _lengths,
    "new": _lengths,
    "bytes": _numbers,
    "width": _always(WORD),
    "value": _numbers,
    "seed": _numbers,
    "data": _bytes,
    "order": _always(Order.FORWARD),
    "via": _always(Via.MEM),
    "extra": _always(MapFlag.NONE),
    "at": _always(None),
    "flags": _flags,
    "prot": _always(_RW),
    "mode": _always(Mode.RDWR),
    "proc": _always(0),
}


def simpler(op: Operation) -> Iterator[Operation]:
    """Return operations that differ in one argument, which is simpler."""
    for field in fields(op):
        for value in _values(op, field.name):
            # What any field takes, no type checker knows.
            change: dict[str, Any] = {field.name: value}
            other = replace(op, **change)
            if isinstance(other, Pwrite) and other.data is not None:
                other = replace(other, len=len(other.data))
            if other != op and _makes_sense(other):
                yield other


def _values(op: Operation, name: str) -> Iterator[object]:
    value = getattr(op, name)
    if name not in _SIMPLER or value is None:
        return
    if name == "len" and isinstance(op, OnRange):
        yield None
    if name == "len" and isinstance(op, _ACCESSES) and value > WORD:
        yield WORD
    if name != "width" or isinstance(op, OnRange):
        yield from _SIMPLER[name](value)


def _makes_sense(op: Operation) -> bool:
    """Tell whether the language has such an operation."""
    match op:
        case Mmap():
            fixed = op.extra & (MapFlag.FIXED | MapFlag.NOREPLACE)
            return op.at is not None or not fixed
        case Mremap():
            return (op.at is not None) == (RemapFlag.FIXED in op.flags)
        case Fill() | Digest():
            return op.len is None or op.len % op.width == 0
    return True
