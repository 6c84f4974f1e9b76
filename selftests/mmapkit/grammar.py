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
              | "pread" file "off=" offset "len=" number
              | "pwrite" file "off=" offset
                       ( "len=" number [ "seed=" number ] | "data=" hex )
              | "fork" process
              | "wait" process
              | "drop" capability
    place     = map [ ( "+" | "-" ) number ]
    offset    = number | name [ ( "+" | "-" ) number ]
    prot      = "none" | some of "r" "w" "x"
    order     = "forward" | "backward" | "shuffled"
    width     = "1" | "2" | "4" | "8"
    file      = "f0" .. "f31"    map = "m0" .. "m63"    process = "p0" .. "p15"

Numbers are decimal, or hexadecimal with 0x, and fit 64 bits; lengths, offsets
and widths are bytes. The key=value parts of a line may come in any order. What
follows "=>" is the expected result, which parse_program() passes over. The agent's
parser (agent/parse.c) follows the same grammar.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple, NoReturn, TypeVar

from mmapkit.errors import ProgramError
from mmapkit.program import (
    CAPABILITIES,
    MAX_DATA,
    MAX_FILES,
    MAX_MAPS,
    MAX_OPERATIONS,
    MAX_PATH,
    MAX_PROCS,
    MAX_TRANSFER,
    U64,
    WIDTHS,
    Close,
    Digest,
    Drop,
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
    Pread,
    Program,
    Prot,
    Pwrite,
    Sharing,
    Store,
    Wait,
)

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
    raise TypeError(f"no text form for {op!r}")


def format_operation(op: Operation) -> str:
    """Return the line of one operation, without its end."""
    process = [f"p{op.proc}:"] if op.proc else []
    return " ".join([*process, op.word, *_arguments(op)])


def format_program(program: Program) -> str:
    """Return the text of a program; parse_program() gives the program again."""
    return "".join(format_operation(op) + "\n" for op in program)


# ---------------------------------------------------------------- reading


T = TypeVar("T")
E = TypeVar("E", bound=Enum)


class _Token(NamedTuple):
    text: str
    column: int


_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+", re.ASCII)
_OFFSET = re.compile(r"([a-z][a-z0-9_]*)(?:([+-])(.*))?", re.ASCII)
_PLACE = re.compile(r"([^+-]*)(?:([+-])(.*))?")


class _Line:
    """One line being read: what is left of it, and where that stands."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.end = len(text) + 1
        self.tokens = []
        for match in re.finditer(r"\S+", text, re.ASCII):
            if match[0].startswith(("#", "=>")):
                self.end = match.start() + 1
                break
            self.tokens.append(_Token(match[0], match.start() + 1))

    def fail(self, column: int, message: str) -> NoReturn:
        raise ProgramError(self.number, column, message)

    def next(self, what: str) -> _Token:
        if not self.tokens:
            self.fail(self.end, f"missing {what}")
        return self.tokens.pop(0)

    def number_in(self, token: _Token) -> int:
        if _NUMBER.fullmatch(token.text):
            value = int(token.text, 16 if token.text[1:2] in ("x", "X") else 10)
            if value <= U64:
                return value
        self.fail(token.column, f'not a number of at most 64 bits: "{token.text}"')

    def handle(self, token: _Token, letter: str, limit: int) -> int:
        if re.fullmatch(rf"{letter}[0-9]{{1,2}}", token.text, re.ASCII):
            index = int(token.text[1:])
            if index < limit:
                return index
        self.fail(
            token.column,
            f'not one of {letter}0 to {letter}{limit - 1}: "{token.text}"',
        )

    def file(self) -> int:
        return self.handle(self.next("f0 to f31"), "f", MAX_FILES)

    def map(self) -> int:
        return self.handle(self.next("m0 to m63"), "m", MAX_MAPS)

    def peer(self) -> int:
        token = self.next("p1 to p15")
        index = self.handle(token, "p", MAX_PROCS)
        if not index:
            self.fail(token.column, "p0 is there from the start to the end")
        return index

    def place(self) -> dict[str, Any]:
        token = self.next("m0 to m63")
        match = _PLACE.fullmatch(token.text)
        assert match is not None
        index = self.handle(_Token(match[1], token.column), "m", MAX_MAPS)
        return {"map": index, "off": self._distance(token, match)}

    def _distance(self, token: _Token, match: re.Match[str]) -> int:
        if match[2] is None:
            return 0
        rest = _Token(match[3], token.column + match.start(3))
        delta = self.number_in(rest)
        return -delta if match[2] == "-" else delta

    def choice(self, token: _Token, what: str, choices: dict[str, T]) -> T:
        if token.text not in choices:
            self.fail(token.column, f'{what} is {_listed(choices)}, not "{token.text}"')
        return choices[token.text]

    def width(self, token: _Token) -> int:
        return self.choice(token, "width", {str(w): w for w in WIDTHS})

    def prot(self, token: _Token) -> Prot:
        if token.text == "none":
            return Prot.NONE
        letters = {"r": Prot.R, "w": Prot.W, "x": Prot.X}
        if set(token.text) <= set(letters) and len(set(token.text)) == len(token.text):
            prot = Prot.NONE
            for letter in token.text:
                prot |= letters[letter]
            if prot:
                return prot
        self.fail(token.column, f'prot is none or some of rwx, not "{token.text}"')

    def offset(self, token: _Token) -> Offset:
        if not token.text[:1].islower():
            return Offset(self.number_in(token))
        match = _OFFSET.fullmatch(token.text)
        if not match or len(match[1]) > 15:
            self.fail(token.column, f'not a name and a distance: "{token.text}"')
        return Offset(self._distance(token, match), match[1])

    def data(self, token: _Token) -> bytes:
        if not re.fullmatch(r"([0-9a-fA-F]{2})+", token.text, re.ASCII) or (
            len(token.text) > 2 * MAX_DATA
        ):
            self.fail(token.column, f"data is 1 to {MAX_DATA} bytes in hexadecimal")
        return bytes.fromhex(token.text)

    def pairs(self, must: str = "", may: str = "") -> dict[str, Any]:
        """Read key=value to the end of the line."""
        readers: dict[str, Callable[[_Token], Any]] = {
            "off": self.offset,
            "len": self.number_in,
            "prot": self.prot,
            "flags": lambda t: self.choice(t, "flags", _by_value(Sharing)),
            "width": self.width,
            "seed": self.number_in,
            "order": lambda t: self.choice(t, "order", _by_value(Order)),
            "data": self.data,
        }
        found: dict[str, Any] = {}
        while self.tokens:
            token = self.tokens.pop(0)
            key, equals, value = token.text.partition("=")
            if not equals:
                self.fail(token.column, f'not a key=value: "{token.text}"')
            if key not in (must + " " + may).split():
                self.fail(token.column, f'"{key}" does not belong here')
            if key in found:
                self.fail(token.column, f'"{key}" is there twice')
            found[key] = readers[key](_Token(value, token.column + len(key) + 1))
        for key in must.split():
            if key not in found:
                self.fail(self.end, f"missing {key}=")
        return found


def _listed(choices: dict[str, Any]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}"


def _by_value(kind: type[E]) -> dict[str, E]:
    return {str(member.value): member for member in kind}


def _parse_open(line: _Line) -> Operation:
    file = line.file()
    path = line.next("path")
    if len(path.text.encode()) > MAX_PATH:
        line.fail(path.column, f"a path of 1 to {MAX_PATH} bytes is due")
    mode = line.next("mode")
    return Open(file, path.text, line.choice(mode, "mode", _by_value(Mode)))


def _parse_close(line: _Line) -> Operation:
    return Close(line.file())


def _parse_mmap(line: _Line) -> Operation:
    return Mmap(line.map(), line.file(), **line.pairs(must="off len prot flags"))


def _parse_munmap(line: _Line) -> Operation:
    return Munmap(**line.place(), **line.pairs(may="len"))


def _parse_mprotect(line: _Line) -> Operation:
    return Mprotect(**line.place(), **line.pairs(must="prot", may="len"))


def _parse_load(line: _Line) -> Operation:
    return Load(**line.place(), width=line.width(line.next("width")))


def _parse_store(line: _Line) -> Operation:
    return Store(
        **line.place(),
        width=line.width(line.next("width")),
        value=line.number_in(line.next("value")),
    )


def _whole_accesses(line: _Line, op: Fill | Digest) -> Operation:
    if op.len is not None and op.len % op.width:
        line.fail(line.end, f"len is not a multiple of width={op.width}")
    return op


def _parse_fill(line: _Line) -> Operation:
    op = Fill(**line.place(), **line.pairs(may="len width seed order"))
    return _whole_accesses(line, op)


def _parse_digest(line: _Line) -> Operation:
    op = Digest(**line.place(), **line.pairs(may="len width order"))
    return _whole_accesses(line, op)


def _transfer(line: _Line, op: Pread | Pwrite) -> Operation:
    if op.len > MAX_TRANSFER:
        line.fail(line.end, f"len is at most {MAX_TRANSFER} here")
    return op


def _parse_pread(line: _Line) -> Operation:
    return _transfer(line, Pread(line.file(), **line.pairs(must="off len")))


def _parse_pwrite(line: _Line) -> Operation:
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


def _parse_fork(line: _Line) -> Operation:
    return Fork(line.peer())


def _parse_wait(line: _Line) -> Operation:
    return Wait(line.peer())


def _parse_drop(line: _Line) -> Operation:
    token = line.next("capability")
    return Drop(line.choice(token, "capability", {name: name for name in CAPABILITIES}))


_FORMS: dict[str, Callable[[_Line], Operation]] = {
    "open": _parse_open,
    "close": _parse_close,
    "mmap": _parse_mmap,
    "munmap": _parse_munmap,
    "mprotect": _parse_mprotect,
    "load": _parse_load,
    "store": _parse_store,
    "fill": _parse_fill,
    "digest": _parse_digest,
    "pread": _parse_pread,
    "pwrite": _parse_pwrite,
    "fork": _parse_fork,
    "wait": _parse_wait,
    "drop": _parse_drop,
}


def parse_operation(text: str, number: int = 1) -> Operation | None:
    """Return the operation of one line, None where there is none.

    number is the number of the line, for the ProgramError.
    """
    line = _Line(number, text)
    if not line.tokens:
        return None

    proc = 0
    word = line.next("operation")
    if len(word.text) > 1 and word.text.endswith(":"):
        proc = line.handle(_Token(word.text[:-1], word.column), "p", MAX_PROCS)
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
