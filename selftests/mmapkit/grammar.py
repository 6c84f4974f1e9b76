r"""The text form of programs, read. text.py writes it.

    program   = { line | block }
    block     = "together" rest line { line } "end" rest
    line      = [ [ task ":" ] operation ] rest
    rest      = [ "#" comment | "=>" result ] "\n"
    operation = "open" file path ( "rdonly" | "wronly" | "rdwr" )
              | "close" file
              | "mknod" file file ( "rdonly" | "wronly" | "rdwr" )
              | "lseek" file ( "set" | "cur" | "end" ) number
              | "memfd" file number
              | "mmap" map ( file "off=" offset | "-" ) "len=" number
                       "prot=" prot "flags=" mapflags [ "at=" place ]
              | "mremap" map place "len=" number "new=" number
                       [ "flags=" some of "maymove" "fixed" "dontunmap" ]
                       [ "at=" place ]
              | "munmap" place [ "len=" number ]
              | "mprotect" place [ "len=" number ] "prot=" prot
              | "madvise" place advice [ "len=" number ]
              | "msync" place some of "sync" "async" "invalidate"
                        [ "len=" number ]
              | ( "mlock" | "munlock" | "mincore" ) place [ "len=" number ]
              | ( "pagemap" | "kpageflags" | "kpagecount" ) place
                        [ "len=" number ]
              | "smaps" place
              | "faults"
              | "limit" number
              | "userfault" place ( "none" | "wake" | "zeropage" ) [ "len=" number ]
              | "load" place width
              | "store" place width number
              | "fill" place [ "len=" number ] [ "width=" width ]
                       [ "seed=" number ] [ "order=" order ]
              | "digest" place [ "len=" number ] [ "width=" width ]
                       [ "order=" order ]
              | "peek" place "len=" number [ "via=" ( "mem" | "write" | "readv" |
                       "ptrace" | "splice" ) ]
              | "poke" place "data=" hex [ "via=" ( "mem" | "read" | "writev" |
                       "ptrace" ) ]
              | "pread" file "off=" offset "len=" number [ "at=" place ]
              | "pwrite" file "off=" offset
                       ( "len=" number [ "seed=" number ] | "data=" hex )
              | "fork" task
              | "thread" task
              | "wait" task
              | "drop" capability
              | "request" ( "=" hex | change path )
              | "insmod" path [ options ]
              | "rmmod" module
              | "fail-nth" number
    change    = "make" | "delete" | "revoke"
    place     = map [ ( "+" | "-" ) number ]
    offset    = number | name [ ( "+" | "-" ) number ]
    mapflags  = ( "shared" | "private" ) and some of "fixed" "noreplace"
                "populate" "locked" "noreserve"
    prot      = "none" | some of "r" "w" "x"
    order     = "forward" | "backward" | "shuffled"
    width     = "1" | "2" | "4" | "8"
    file      = "f0" .. "f31"    map = "m0" .. "m63"    task = "p0" .. "p15"

Flags stand side by side with commas between them, in any order. A block has at
least one operation, and none of fork, thread, wait and drop.

Numbers are decimal, or hexadecimal with 0x, and fit 64 bits; lengths, offsets
and widths are bytes. The key=value parts of a line may come in any order. What
follows "=>" is the expected result, which parse_program() passes over. words.py
reads the words, forms.py puts them together. The agent's parser (agent/parse.c)
follows the same grammar.
"""

from dataclasses import replace

from mmapkit.forms import FORMS
from mmapkit.program import (
    CHANGES_TASKS,
    MAX_OPERATIONS,
    MAX_PROCS,
    Operation,
    Program,
)
from mmapkit.words import Line, Token

_KINDS = {kind.word: kind for kind in FORMS}


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
    op = FORMS[kind](line)
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
