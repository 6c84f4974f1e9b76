r"""The text form of programs, read. text.py writes it.

    program   = { line | block }
    block     = "together" rest line { line } "end" rest
    line      = [ [ task ":" ] operation ] rest
    rest      = [ "#" comment | "=>" result ] "\n"
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
              | "fork" task
              | "thread" task
              | "wait" task
              | "drop" capability
              | "request" "=" hex
              | "rmmod" module
              | "fail-nth" number
    place     = map [ ( "+" | "-" ) number ]
    offset    = number | name [ ( "+" | "-" ) number ]
    prot      = "none" | some of "r" "w" "x"
    order     = "forward" | "backward" | "shuffled"
    width     = "1" | "2" | "4" | "8"
    file      = "f0" .. "f31"    map = "m0" .. "m63"    task = "p0" .. "p15"

A block has at least one operation, and none of fork, thread, wait and drop.

Numbers are decimal, or hexadecimal with 0x, and fit 64 bits; lengths, offsets
and widths are bytes. The key=value parts of a line may come in any order. What
follows "=>" is the expected result, which parse_program() passes over. words.py
reads the words. The agent's parser (agent/parse.c) follows the same grammar.
"""

from collections.abc import Callable
from dataclasses import replace

from mmapkit.program import (
    CAPABILITIES,
    CHANGES_TASKS,
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
    Open,
    Operation,
    Peek,
    Poke,
    Pread,
    Program,
    Pwrite,
    Request,
    Rmmod,
    Store,
    Thread,
    Wait,
)
from mmapkit.words import Line, Token, by_value


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


def _parse_thread(line: Line) -> Operation:
    return Thread(line.peer())


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


_FORMS: dict[type[Operation], Callable[[Line], Operation]] = {
    Open: _parse_open,
    Close: _parse_close,
    Mmap: _parse_mmap,
    Munmap: _parse_munmap,
    Mprotect: _parse_mprotect,
    Load: _parse_load,
    Store: _parse_store,
    Fill: _parse_fill,
    Digest: _parse_digest,
    Peek: _parse_peek,
    Poke: _parse_poke,
    Pread: _parse_pread,
    Pwrite: _parse_pwrite,
    Fork: _parse_fork,
    Thread: _parse_thread,
    Wait: _parse_wait,
    Drop: _parse_drop,
    Request: _parse_request,
    Rmmod: _parse_rmmod,
    FailNth: _parse_fail_nth,
}
_KINDS = {kind.word: kind for kind in _FORMS}


def _end_of_line(line: Line) -> None:
    if line.tokens:
        token = line.next("nothing")
        line.fail(token.column, f'nothing is expected here: "{token.text}"')


def _operation(line: Line, inside: bool) -> Operation:
    """Read the operation of a line that has one; inside: of a block."""
    proc = 0
    word = line.next("operation")
    if len(word.text) > 1 and word.text.endswith(":"):
        proc = line.handle(Token(word.text[:-1], word.column), "p", MAX_PROCS)
        word = line.next("operation")
    kind = _KINDS.get(word.text)
    if kind is None:
        line.fail(word.column, f'unknown operation "{word.text}"')
    if inside and kind in CHANGES_TASKS:
        line.fail(word.column, f"{word.text} does not belong into a block")
    op = _FORMS[kind](line)
    _end_of_line(line)
    return replace(op, proc=proc) if proc else op


def parse_operation(text: str, number: int = 1) -> Operation | None:
    """Return the operation of one line, None where there is none.

    number is the number of the line, for the ProgramError.
    """
    line = Line(number, text)
    return _operation(line, inside=False) if line.tokens else None


class _Reader:
    """A program being read, line by line."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._blocks: list[tuple[int, int]] = []
        # Where the open block begins: its line, and its first operation.
        self._opened: tuple[Line, Token, int] | None = None

    def take(self, line: Line) -> None:
        """Read one more line."""
        if not line.tokens:
            return
        match line.tokens[0].text:
            case "together":
                self._begin(line)
            case "end":
                self._end(line)
            case _:
                op = _operation(line, self._opened is not None)
                if len(self._operations) == MAX_OPERATIONS:
                    line.fail(1, f"a program has at most {MAX_OPERATIONS} operations")
                self._operations.append(op)

    def _begin(self, line: Line) -> None:
        word = line.next("together")
        if self._opened is not None:
            number = self._opened[0].number
            line.fail(word.column, f"a block is open since line {number}")
        _end_of_line(line)
        self._opened = line, word, len(self._operations)

    def _end(self, line: Line) -> None:
        word = line.next("end")
        if self._opened is None:
            line.fail(word.column, "there is no block to end")
        first = self._opened[2]
        if first == len(self._operations):
            line.fail(word.column, "there is nothing in the block")
        _end_of_line(line)
        self._blocks.append((first, len(self._operations)))
        self._opened = None

    def program(self) -> Program:
        """Return the program that was read."""
        if self._opened is not None:
            line, word, _ = self._opened
            line.fail(word.column, "a block without an end")
        return Program(tuple(self._operations), tuple(self._blocks))


def parse_program(text: str) -> Program:
    """Return the program of a text; ProgramError says where it is malformed."""
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        reader.take(Line(number, line))
    return reader.program()
