r"""The text form of programs: format_program() writes it, parse_program() reads it.

    program   = { line "\n" }
    line      = [ [ process ":" ] operation ] [ "#" comment | "=>" result ]
    operation = "open" file path ( "rdonly" | "wronly" | "rdwr" )
              | "close" file
              | "mmap" map file "off=" offset "len=" number
                       "prot=" prot "flags=" ( "shared" | "private" )
              | "munmap" place [ "len=" number ]
              | "mprotect" place [ "len=" number ] "prot=" prot
              | "load" place width
              | "store" place width number
              | "fill" place [ "len=" number ] [ "width=" width ]
                       [ "seed=" number ] [ "order=" order ]
              | "digest" place [ "len=" number ] [ "width=" width ]
                       [ "order=" order ]
              | "peek" place "len=" number
              | "poke" place "data=" hex
              | "pread" file "off=" offset "len=" number
              | "pwrite" file "off=" offset
                       ( "len=" number [ "seed=" number ] | "data=" hex )
              | "fork" process
              | "wait" process
              | "drop" capability
              | "request" "=" hex
              | "rmmod" module
              | "fail-nth" number
    place     = map [ ( "+" | "-" ) number ]
    offset    = number | name [ ( "+" | "-" ) number ]
    prot      = "none" | some of "r" "w" "x"
    order     = "forward" | "backward" | "shuffled"
    width     = "1" | "2" | "4" | "8"
    file      = "f0" .. "f31"    map = "m0" .. "m63"    process = "p0" .. "p15"

Numbers are decimal, or hexadecimal with 0x, and fit 64 bits; lengths, offsets
and widths are bytes. The key=value parts of a line may come in any order. What
follows "=>" is the expected result, which parse_program() passes over. words.py
reads the words. The agent's parser (agent/parse.c) follows the same grammar.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from mmapkit.errors import ProgramError
from mmapkit.program import (
    CAPABILITIES,
    MAX_DATA,
    MAX_MODULE,
    MAX_NTH,
    MAX_OPERATIONS,
    MAX_PATH,
    MAX_PROCS,
    MAX_TRANSFER,
    Close,
    Digest,
    Drop,
    FailNth,
    Fill,
    Fork,
    Load,
    Mmap,
    Mode,
    Mprotect,
    Munmap,
    Offset,
    OnMapping,
    OnRange,
    Open,
    Operation,
    Order,
    Peek,
    Poke,
    Pread,
    Program,
    Pwrite,
    Request,
    Rmmod,
    Store,
    Wait,
)
from mmapkit.words import Line, Token, by_value

# ---------------------------------------------------------------- writing


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


def _arguments(op: Operation) -> list[str]:
    match op:
        case Open():
            return [f"f{op.file}", op.path, op.mode.value]
        case Close():
            return [f"f{op.file}"]
        case Mmap():
            return [
                f"m{op.map}",
                f"f{op.file}",
                f"off={format_offset(op.off)}",
                f"len={hex(op.len)}",
                f"prot={op.prot}",
                f"flags={op.flags.value}",
            ]
        case Munmap():
            return _range(op)
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
            return [_place(op), f"len={op.len}"]
        case Poke():
            return [_place(op), f"data={op.data.hex()}"]
        case Pread():
            return [f"f{op.file}", f"off={format_offset(op.off)}", f"len={hex(op.len)}"]
        case Pwrite(data=None):
            return [
                f"f{op.file}",
                f"off={format_offset(op.off)}",
                f"len={hex(op.len)}",
                *_unless("seed", op.seed, 0),
            ]
        case Pwrite(data=bytes(data)):
            return [f"f{op.file}", f"off={format_offset(op.off)}", f"data={data.hex()}"]
        case Fork() | Wait():
            return [f"p{op.peer}"]
        case Drop():
            return [op.capability]
        case Request():
            return [f"={op.message.hex()}"]
        case Rmmod():
            return [op.module]
        case FailNth():
            return [_number(op.nth)]
    raise TypeError(f"no text form for {op!r}")


def format_operation(op: Operation) -> str:
    """Return the line of one operation, without its end."""
    process = [f"p{op.proc}:"] if op.proc else []
    return " ".join([*process, op.word, *_arguments(op)])


def format_program(program: Program) -> str:
    """Return the text of a program; parse_program() gives the program again."""
    return "".join(format_operation(op) + "\n" for op in program)


# ---------------------------------------------------------------- reading


def _parse_open(line: Line) -> Operation:
    file = line.file()
    path = line.next("path")
    if len(path.text.encode()) > MAX_PATH:
        line.fail(path.column, f"a path of 1 to {MAX_PATH} bytes is due")
    mode = line.next("mode")
    return Open(file, path.text, line.choice(mode, "mode", by_value(Mode)))


def _parse_close(line: Line) -> Operation:
    return Close(line.file())


def _parse_mmap(line: Line) -> Operation:
    return Mmap(line.map(), line.file(), **line.pairs(must="off len prot flags"))


def _parse_munmap(line: Line) -> Operation:
    return Munmap(**line.place(), **line.pairs(may="len"))


def _parse_mprotect(line: Line) -> Operation:
    return Mprotect(**line.place(), **line.pairs(must="prot", may="len"))


def _parse_load(line: Line) -> Operation:
    return Load(**line.place(), width=line.width(line.next("width")))


def _parse_store(line: Line) -> Operation:
    return Store(
        **line.place(),
        width=line.width(line.next("width")),
        value=line.number_in(line.next("value")),
    )


def _whole_accesses(line: Line, op: Fill | Digest) -> Operation:
    if op.len is not None and op.len % op.width:
        line.fail(line.end, f"len is not a multiple of width={op.width}")
    return op


def _parse_fill(line: Line) -> Operation:
    op = Fill(**line.place(), **line.pairs(may="len width seed order"))
    return _whole_accesses(line, op)


def _parse_digest(line: Line) -> Operation:
    op = Digest(**line.place(), **line.pairs(may="len width order"))
    return _whole_accesses(line, op)


def _transfer(line: Line, op: Pread | Pwrite) -> Operation:
    if op.len > MAX_TRANSFER:
        line.fail(line.end, f"len is at most {MAX_TRANSFER} here")
    return op


def _parse_pread(line: Line) -> Operation:
    return _transfer(line, Pread(line.file(), **line.pairs(must="off len")))


def _parse_peek(line: Line) -> Operation:
    op = Peek(**line.place(), **line.pairs(must="len"))
    if not 0 < op.len <= MAX_DATA:
        line.fail(line.end, f"len is 1 to {MAX_DATA} here")
    return op


def _parse_poke(line: Line) -> Operation:
    return Poke(**line.place(), **line.pairs(must="data"))


def _parse_pwrite(line: Line) -> Operation:
    file = line.file()
    found = line.pairs(must="off", may="len seed data")
    if "len" not in found and "data" not in found:
        line.fail(line.end, "missing len= or data=")
    if "data" in found:
        if "seed" in found:
            line.fail(line.end, "seed= and data= exclude one another")
        if found.setdefault("len", len(found["data"])) != len(found["data"]):
            line.fail(line.end, "len= and data= differ")
    return _transfer(line, Pwrite(file, **found))


def _parse_fork(line: Line) -> Operation:
    return Fork(line.peer())


def _parse_wait(line: Line) -> Operation:
    return Wait(line.peer())


def _parse_drop(line: Line) -> Operation:
    token = line.next("capability")
    return Drop(line.choice(token, "capability", {name: name for name in CAPABILITIES}))


def _parse_request(line: Line) -> Operation:
    token = line.next("=HEX")
    if not token.text.startswith("="):
        line.fail(token.column, f'=HEX is due, not "{token.text}"')
    return Request(line.data(Token(token.text[1:], token.column + 1)))


def _parse_rmmod(line: Line) -> Operation:
    token = line.next("module")
    if len(token.text.encode()) > MAX_MODULE:
        line.fail(token.column, f"a name of 1 to {MAX_MODULE} bytes is due")
    return Rmmod(token.text)


def _parse_fail_nth(line: Line) -> Operation:
    token = line.next("number")
    nth = line.number_in(token)
    if nth > MAX_NTH:
        line.fail(token.column, f"a number up to {MAX_NTH} is due")
    return FailNth(nth)


_FORMS: dict[str, Callable[[Line], Operation]] = {
    "open": _parse_open,
    "close": _parse_close,
    "mmap": _parse_mmap,
    "munmap": _parse_munmap,
    "mprotect": _parse_mprotect,
    "load": _parse_load,
    "store": _parse_store,
    "fill": _parse_fill,
    "digest": _parse_digest,
    "peek": _parse_peek,
    "poke": _parse_poke,
    "pread": _parse_pread,
    "pwrite": _parse_pwrite,
    "fork": _parse_fork,
    "wait": _parse_wait,
    "drop": _parse_drop,
    "request": _parse_request,
    "rmmod": _parse_rmmod,
    "fail-nth": _parse_fail_nth,
}


def parse_operation(text: str, number: int = 1) -> Operation | None:
    """Return the operation of one line, None where there is none.

    number is the number of the line, for the ProgramError.
    """
    line = Line(number, text)
    if not line.tokens:
        return None

    proc = 0
    word = line.next("operation")
    if len(word.text) > 1 and word.text.endswith(":"):
        proc = line.handle(Token(word.text[:-1], word.column), "p", MAX_PROCS)
        word = line.next("operation")
    if word.text not in _FORMS:
        line.fail(word.column, f'unknown operation "{word.text}"')
    op = _FORMS[word.text](line)
    if line.tokens:
        token = line.next("nothing")
        line.fail(token.column, f'nothing is expected here: "{token.text}"')
    return replace(op, proc=proc) if proc else op


def parse_program(text: str) -> Program:
    """Return the program of a text; ProgramError says where it is malformed."""
    operations: list[Operation] = []
    for number, line in enumerate(text.split("\n"), start=1):
        op = parse_operation(line, number)
        if op is None:
            continue
        if len(operations) == MAX_OPERATIONS:
            raise ProgramError(
                number, 1, f"a program has at most {MAX_OPERATIONS} operations"
            )
        operations.append(op)
    return Program(tuple(operations))
