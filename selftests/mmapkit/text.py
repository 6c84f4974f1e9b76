"""The text form of programs, written; grammar.py has the grammar, and reads it."""

from collections.abc import Iterator
from enum import Enum, Flag

from mmapkit.program import (
    Close,
    Digest,
    Drop,
    FailNth,
    Faults,
    Fill,
    Fork,
    Insmod,
    Kpagecount,
    Kpageflags,
    Limit,
    Load,
    Lseek,
    Madvise,
    Memfd,
    Mincore,
    Mknod,
    Mlock,
    Mmap,
    Mprotect,
    Mremap,
    Msync,
    Munlock,
    Munmap,
    Offset,
    OnMapping,
    OnRange,
    Open,
    Operation,
    Order,
    Pagemap,
    Peek,
    Place,
    Poke,
    Pread,
    Program,
    Pwrite,
    Ready,
    Request,
    Rmmod,
    Smaps,
    Store,
    SyncFlag,
    Thread,
    Userfault,
    Via,
    Wait,
)


def _number(value: int) -> str:
    return str(value) if value < 10 else hex(value)


def _distance(delta: int) -> str:
    return "" if not delta else f"{'-' if delta < 0 else '+'}{hex(abs(delta))}"


def _place(op: OnMapping) -> str:
    return f"m{op.map}{_distance(op.off)}"


def format_offset(off: Offset) -> str:
    """Return the text of a file offset."""
    return _number(off.delta) if off.base is None else off.base + _distance(off.delta)


def _range(op: OnRange) -> list[str]:
    return [_place(op)] + ([] if op.len is None else [f"len={hex(op.len)}"])


def _unless(key: str, value: object, default: object) -> list[str]:
    if value == default:
        return []
    return [f"{key}={value.value if isinstance(value, Enum) else value}"]


def _at(at: Place | None) -> list[str]:
    return [] if at is None else [f"at=m{at.map}{_distance(at.off)}"]


def _names(flags: Flag) -> list[str]:
    return [str(flag.name).lower() for flag in flags]


def _arguments(op: Operation) -> list[str]:
    match op:
        case Open():
            return [f"f{op.file}", op.path, op.mode.value]
        case Close():
            return [f"f{op.file}"]
        case Mknod():
            return [f"f{op.file}", f"f{op.of}", op.mode.value]
        case Lseek():
            return [f"f{op.file}", op.whence.value, _number(op.off)]
        case Memfd():
            return [f"f{op.file}", hex(op.len)]
        case Mmap():
            return [
                f"m{op.map}",
                *(["-"] if op.file is None else [f"f{op.file}"]),
                *([] if op.file is None else [f"off={format_offset(op.off)}"]),
                f"len={hex(op.len)}",
                f"prot={op.prot}",
                f"flags={','.join([op.flags.value, *_names(op.extra)])}",
                *_at(op.at),
            ]
        case Mremap():
            flags = ",".join(_names(op.flags))
            return [
                f"m{op.to}",
                _place(op),
                f"len={hex(op.len)}",
                f"new={hex(op.new)}",
                *_unless("flags", flags, ""),
                *_at(op.at),
            ]
        case Userfault():
            place, *rest = _range(op)
            return [place, op.answer.value, *rest]
        case Madvise():
            place, *rest = _range(op)
            return [place, op.advice, *rest]
        case Msync():
            place, *rest = _range(op)
            flags = ",".join(flag.value for flag in SyncFlag if flag in op.flags)
            return [place, flags, *rest]
        case Limit():
            return [hex(op.bytes)]
        case Munmap() | Mlock() | Munlock() | Mincore():
            return _range(op)
        case Pagemap() | Kpageflags() | Kpagecount():
            return _range(op)
        case Smaps():
            return [_place(op)]
        case Faults():
            return []
        case Mprotect():
            return [*_range(op), f"prot={op.prot}"]
        case Load():
            return [_place(op), str(op.width)]
        case Store():
            return [_place(op), str(op.width), hex(op.value)]
        case Fill():
            return [
                *_range(op),
                *_unless("width", op.width, 8),
                *_unless("seed", op.seed, 0),
                *_unless("order", op.order, Order.FORWARD),
            ]
        case Digest():
            return [
                *_range(op),
                *_unless("width", op.width, 8),
                *_unless("order", op.order, Order.FORWARD),
            ]
        case Peek():
            return [_place(op), f"len={op.len}", *_unless("via", op.via, Via.MEM)]
        case Poke():
            via = _unless("via", op.via, Via.MEM)
            return [_place(op), f"data={op.data.hex()}", *via]
        case Pread():
            return [
                f"f{op.file}",
                f"off={format_offset(op.off)}",
                f"len={hex(op.len)}",
                *_at(op.at),
            ]
        case Pwrite(data=None):
            return [
                f"f{op.file}",
                f"off={format_offset(op.off)}",
                f"len={hex(op.len)}",
                *_unless("seed", op.seed, 0),
            ]
        case Pwrite(data=bytes(data)):
            return [f"f{op.file}", f"off={format_offset(op.off)}", f"data={data.hex()}"]
        case Fork() | Thread() | Wait():
            return [f"p{op.peer}"]
        case Drop():
            return [op.capability]
        case Request(message=Ready(change, path)):
            return [change.value, path]
        case Request(message=bytes(data)):
            return [f"={data.hex()}"]
        case Insmod():
            return [op.path, *([op.options] if op.options else [])]
        case Rmmod():
            return [op.module]
        case FailNth():
            return [_number(op.nth)]
    raise TypeError(f"no text form for {op!r}")


def format_operation(op: Operation) -> str:
    """Return the line of one operation, without its end."""
    process = [f"p{op.proc}:"] if op.proc else []
    return " ".join([*process, op.word, *_arguments(op)])


def _lines(program: Program) -> Iterator[str]:
    begins = {begin for begin, _ in program.blocks}
    ends = {end for _, end in program.blocks}
    inside = False
    for index, op in enumerate(program):
        if index in begins:
            yield "together"
            inside = True
        line = format_operation(op)
        yield f"  {'' if op.proc else 'p0: '}{line}" if inside else line
        if index + 1 in ends:
            yield "end"
            inside = False


def format_program(program: Program) -> str:
    """Return the text of a program; parse_program() gives the program again."""
    return "".join(f"{line}\n" for line in _lines(program))


def is_operation(line: str) -> bool:
    """Tell whether a line of format_program() is one, or stands around a block."""
    return line not in ("together", "end")
