"""The journal: every program of a session, in the order in which they went out.

It is a list of programs, ready to be run again. Comments tell which machine
they ran on, and what the names in their file offsets stood for there.
"""

from collections.abc import Mapping
from pathlib import Path


class Journal:
    """A file that grows; programs are numbered from 1 on, whoever runs them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._programs = 0

    def machine(self, title: str, symbols: Mapping[str, int]) -> None:
        """Note a machine that is new, and its names for file offsets."""
        lines = [title, *(f"let {name} {value:#x}" for name, value in symbols.items())]
        self._write("".join(f"# {line}\n" for line in lines))

    def program(self, text: str, title: str) -> int:
        """Note a program before it goes out to the machine of a title."""
        self._programs += 1
        self._write(f"# program {self._programs}, {title.partition(':')[0]}\n{text}")
        return self._programs

    def _write(self, text: str) -> None:
        # Whatever happens to this process next, the text is in the file.
        with self.path.open("a") as file:
            file.write(text)
