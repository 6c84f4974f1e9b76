"""The journal: every program of a session, in the order in which they went out.

It is a list of programs, ready to be run again. Comments tell which machine
they ran on, and what the names of offsets and requests stood for there.
"""

from collections.abc import Iterable
from pathlib import Path


class Journal:
    """A file that grows; programs are numbered from 1 on, whoever runs them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._programs = 0

    def machine(self, title: str, lets: Iterable[str]) -> None:
        """Note a machine that is new, and what the names in programs stand for."""
        self._write("".join(f"# {line}\n" for line in (title, *lets)))

    def program(self, text: str, title: str) -> int:
        """Note a program before it goes out to the machine of a title."""
        self._programs += 1
        self._write(f"# program {self._programs}, {title.partition(':')[0]}\n{text}")
        return self._programs

    def warn(self, number: int, text: str) -> None:
        """Note that a program has seen something that is legal and bad practice."""
        self._write(f"# program {number}: warn: {text}\n")

    def _write(self, text: str) -> None:
        # Whatever happens to this process next, the text is in the file.
        with self.path.open("a") as file:
            file.write(text)
