"""What the lines of operations on the address space look like."""

from collections.abc import Callable
from typing import Any

from mmapkit.program import (
    ADVICES,
    Answer,
    Faults,
    Kpagecount,
    Kpageflags,
    Limit,
    Madvise,
    MapFlag,
    Memfd,
    Mincore,
    Mlock,
    Mmap,
    Mprotect,
    Mremap,
    Msync,
    Munlock,
    Munmap,
    Offset,
    Operation,
    Pagemap,
    RemapFlag,
    Sharing,
    Smaps,
    SyncFlag,
    Userfault,
)
from mmapkit.words import Line, Token, by_value

_SHARINGS = by_value(Sharing)
_MAP_FLAGS = {str(flag.name).lower(): flag for flag in MapFlag}
_REMAP_FLAGS = {str(flag.name).lower(): flag for flag in RemapFlag}


def _parse_memfd(line: Line) -> Operation:
    return Memfd(line.file(), line.number_in(line.next("length")))


def _map_flags(line: Line, token: Token) -> tuple[Sharing, MapFlag]:
    chosen = line.names(token, "flags", _SHARINGS | _MAP_FLAGS)
    sharings = [flag for flag in chosen if isinstance(flag, Sharing)]
    if len(sharings) != 1:
        line.fail(
            token.column,
            f'flags have shared or private, not both: "{token.text}"',
        )
    extra = MapFlag.NONE
    for flag in chosen:
        if isinstance(flag, MapFlag):
            extra |= flag
    return sharings[0], extra


def _parse_mmap(line: Line) -> Operation:
    number = line.map()
    token = line.next('f0 to f31, or "-"')
    file = None if token.text == "-" else line.file_of(token)
    must = "len prot flags" if file is None else "off len prot flags"
    found = line.pairs(must, "at", flags=lambda t: _map_flags(line, t))
    sharing, extra = found.pop("flags")
    if extra & (MapFlag.FIXED | MapFlag.NOREPLACE) and "at" not in found:
        line.fail(line.end, "fixed is nowhere without at=")
    found.setdefault("off", Offset(0))
    return Mmap(number, file, flags=sharing, extra=extra, **found)


def _remap_flags(line: Line, token: Token) -> RemapFlag:
    flags = RemapFlag.NONE
    for flag in line.names(token, "flags", _REMAP_FLAGS):
        flags |= flag
    return flags


def _parse_mremap(line: Line) -> Operation:
    to = line.map()
    place = line.place()
    found = line.pairs("len new", "flags at", flags=lambda t: _remap_flags(line, t))
    fixed = RemapFlag.FIXED in found.get("flags", RemapFlag.NONE)
    if fixed != ("at" in found):
        line.fail(line.end, "fixed and at= belong together")
    return Mremap(to=to, **place, **found)


def _parse_mprotect(line: Line) -> Operation:
    return Mprotect(**line.place(), **line.pairs(must="prot", may="len"))


def _parse_madvise(line: Line) -> Operation:
    place = line.place()
    token = line.next("advice")
    advice = line.name(token, "advice", {word: word for word in ADVICES})
    return Madvise(**place, advice=advice, **line.pairs(may="len"))


def _parse_msync(line: Line) -> Operation:
    place = line.place()
    flags = line.names(line.next("flags"), "msync", by_value(SyncFlag))
    return Msync(**place, flags=frozenset(flags), **line.pairs(may="len"))


def _parse_limit(line: Line) -> Operation:
    return Limit(line.number_in(line.next("bytes")))


def _parse_userfault(line: Line) -> Operation:
    place = line.place()
    answer = line.name(line.next("answer"), "answer", by_value(Answer))
    return Userfault(**place, answer=answer, **line.pairs(may="len"))


def _on_range(kind: type[Any]) -> Callable[[Line], Operation]:
    def parse(line: Line) -> Operation:
        op: Operation = kind(**line.place(), **line.pairs(may="len"))
        return op

    return parse


FORMS: dict[type[Operation], Callable[[Line], Operation]] = {
    Memfd: _parse_memfd,
    Mmap: _parse_mmap,
    Mremap: _parse_mremap,
    Munmap: _on_range(Munmap),
    Mprotect: _parse_mprotect,
    Madvise: _parse_madvise,
    Msync: _parse_msync,
    Mlock: _on_range(Mlock),
    Munlock: _on_range(Munlock),
    Mincore: _on_range(Mincore),
    Pagemap: _on_range(Pagemap),
    Kpageflags: _on_range(Kpageflags),
    Kpagecount: _on_range(Kpagecount),
    Smaps: lambda line: Smaps(**line.place()),
    Faults: lambda line: Faults(),
    Limit: _parse_limit,
    Userfault: _parse_userfault,
}
