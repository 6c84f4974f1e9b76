"""One line of program text, read word by word, with the place of what is wrong.

grammar.py says which words make an operation; this module knows what each kind
of word looks like. agent/words.c does the same.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple, NoReturn, TypeVar

from mmapkit.errors import ProgramError
from mmapkit.program import (
    MAX_DATA,
    MAX_FILES,
    MAX_MAPS,
    MAX_PROCS,
    U64,
    WIDTHS,
    Offset,
    Order,
    Place,
    Prot,
)

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


class Token(NamedTuple):
    """A word, or a part of one; columns count from 1."""

    text: str
    column: int


_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+", re.ASCII)
_OFFSET = re.compile(r"([a-z][a-z0-9_]*)(?:([+-])(.*))?", re.ASCII)
_PLACE = re.compile(r"([^+-]*)(?:([+-])(.*))?")


class Line:
    """One line being read: what is left of it, and where that stands."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.end = len(text) + 1
        self.tokens = []
        for match in re.finditer(r"\S+", text, re.ASCII):
            if match[0].startswith(("#", "=>")):
                self.end = match.start() + 1
                break
            self.tokens.append(Token(match[0], match.start() + 1))

    def fail(self, column: int, message: str) -> NoReturn:
        """Refuse the line."""
        raise ProgramError(self.number, column, message)

    def next(self, what: str) -> Token:
        """Take the next word; what: is due there."""
        if not self.tokens:
            self.fail(self.end, f"missing {what}")
        return self.tokens.pop(0)

    def number_in(self, token: Token) -> int:
        """Return a number of at most 64 bits."""
        if _NUMBER.fullmatch(token.text):
            value = int(token.text, 16 if token.text[1:2] in ("x", "X") else 10)
            if value <= U64:
                return value
        self.fail(token.column, f'not a number of at most 64 bits: "{token.text}"')

    def handle(self, token: Token, letter: str, limit: int) -> int:
        """Return the number of a handle, which is below limit."""
        if re.fullmatch(rf"{letter}[0-9]{{1,2}}", token.text, re.ASCII):
            index = int(token.text[1:])
            if index < limit:
                return index
        self.fail(
            token.column,
            f'not one of {letter}0 to {letter}{limit - 1}: "{token.text}"',
        )

    def file(self) -> int:
        """Take a file."""
        return self.file_of(self.next("f0 to f31"))

    def file_of(self, token: Token) -> int:
        """Return the number of a file."""
        return self.handle(token, "f", MAX_FILES)

    def map(self) -> int:
        """Take a mapping."""
        return self.handle(self.next("m0 to m63"), "m", MAX_MAPS)

    def peer(self) -> int:
        """Take a process that can be forked."""
        token = self.next("p1 to p15")
        index = self.handle(token, "p", MAX_PROCS)
        if not index:
            self.fail(token.column, "p0 is there from the start to the end")
        return index

    def place(self) -> dict[str, Any]:
        """Take a place in a mapping."""
        place = self.at(self.next("m0 to m63"))
        return {"map": place.map, "off": place.off}

    def at(self, token: Token) -> Place:
        """Return a place in a mapping."""
        match = _PLACE.fullmatch(token.text)
        assert match is not None
        index = self.handle(Token(match[1], token.column), "m", MAX_MAPS)
        return Place(index, self._distance(token, match))

    def _distance(self, token: Token, match: re.Match[str]) -> int:
        if match[2] is None:
            return 0
        rest = Token(match[3], token.column + match.start(3))
        delta = self.number_in(rest)
        return -delta if match[2] == "-" else delta

    def choice(self, token: Token, what: str, choices: dict[str, T]) -> T:
        """Return what a word chooses."""
        if token.text not in choices:
            self.fail(token.column, f'{what} is {_listed(choices)}, not "{token.text}"')
        return choices[token.text]

    def name(self, token: Token, what: str, names: dict[str, T]) -> T:
        """Return what one of many names stands for."""
        if token.text not in names:
            self.fail(token.column, f'unknown {what} "{token.text}"')
        return names[token.text]

    def names(self, token: Token, what: str, names: dict[str, T]) -> list[T]:
        """Return what names with commas between them stand for, each once."""
        chosen: list[T] = []
        column = token.column
        for word in token.text.split(","):
            value = self.name(Token(word, column), what, names)
            if value in chosen:
                self.fail(column, f'"{word}" is there twice')
            chosen.append(value)
            column += len(word) + 1
        return chosen

    def width(self, token: Token) -> int:
        """Return a width in bytes."""
        return self.choice(token, "width", {str(w): w for w in WIDTHS})

    def prot(self, token: Token) -> Prot:
        """Return a protection."""
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

    def offset(self, token: Token) -> Offset:
        """Return a file offset."""
        if not token.text[:1].islower():
            return Offset(self.number_in(token))
        match = _OFFSET.fullmatch(token.text)
        if not match or len(match[1]) > 15:
            self.fail(token.column, f'not a name and a distance: "{token.text}"')
        return Offset(self._distance(token, match), match[1])

    def data(self, token: Token) -> bytes:
        """Return bytes that are spelled out."""
        if not re.fullmatch(r"([0-9a-fA-F]{2})+", token.text, re.ASCII) or (
            len(token.text) > 2 * MAX_DATA
        ):
            self.fail(token.column, f"data is 1 to {MAX_DATA} bytes in hexadecimal")
        return bytes.fromhex(token.text)

    def pairs(
        self, must: str = "", may: str = "", **more: Callable[[Token], Any]
    ) -> dict[str, Any]:
        """Read key=value to the end of the line; more reads what is special."""
        readers: dict[str, Callable[[Token], Any]] = {
            "off": self.offset,
            "len": self.number_in,
            "prot": self.prot,
            "at": self.at,
            "new": self.number_in,
            "width": self.width,
            "seed": self.number_in,
            "order": lambda t: self.choice(t, "order", by_value(Order)),
            "data": self.data,
            **more,
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
            found[key] = readers[key](Token(value, token.column + len(key) + 1))
        for key in must.split():
            if key not in found:
                self.fail(self.end, f"missing {key}=")
        return found


def _listed(choices: dict[str, Any]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}"


def by_value(kind: type[E]) -> dict[str, E]:
    """Return the members of an enum by their spelling."""
    return {str(member.value): member for member in kind}
