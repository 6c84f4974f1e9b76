"""Mutants of the kit: detectors that are broken on purpose, and what notices.

mutants.toml is the list. Each entry replaces one text of the tree by another, and
names tests that must fail of it: a detector whose breaking nobody notices may be
broken already.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT

LIST = ROOT / "selftests" / "mutants" / "mutants.toml"

#: tests that need no machine
HOST = "selftests/host/"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A text of a file, and another in its place.

    why: what the kit would not notice any more. tests: ids of tests, as pytest has
    them; each of them must fail.
    """

    name: str
    why: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]

    @property
    def is_of_host(self) -> bool:
        """No test of it needs a machine."""
        return all(test.startswith(HOST) for test in self.tests)

    def broken(self, tree: Path) -> str:
        """Return the file of a tree, broken; MmapkitError if it has another text."""
        path = tree / self.file
        try:
            whole = path.read_text()
        except OSError as err:
            raise MmapkitError(f"mutant {self.name}: {path}: {err.strerror}") from err
        count = whole.count(self.text)
        if count != 1:
            raise MmapkitError(
                f"mutant {self.name}: its text is in {self.file} {count} times, not "
                "once: bring the entry up to date"
            )
        return whole.replace(self.text, self.instead)


def read(path: Path) -> tuple[Mutant, ...]:
    """Return the mutants of a list; MmapkitError when it is malformed."""
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as err:
        raise MmapkitError(f"{path}: {err}") from err
    found = []
    for name, entry in table.items():
        try:
            tests = tuple(entry.pop("tests"))
            mutant = Mutant(name=name, tests=tests, **entry)
        except (AttributeError, KeyError, TypeError) as err:
            raise MmapkitError(f"{path}: {name}: not a mutant: {err}") from err
        if not tests or mutant.text == mutant.instead:
            raise MmapkitError(f"{path}: {name}: changes nothing, or names no test")
        found.append(mutant)
    return tuple(found)


def survivors(mutant: Mutant, output: str) -> list[str]:
    """Return the tests that should have failed and did not.

    output: of pytest -rfE, with a line for each test that failed.
    """
    failed = re.findall(r"^(?:SUB)?(?:FAILED|ERROR)\S* (.*)$", output, re.MULTILINE)
    return [
        test for test in mutant.tests if not any(_is_of(line, test) for line in failed)
    ]


def _is_of(line: str, test: str) -> bool:
    """Tell whether a line of the summary is about a test, or a part of it."""
    at = line.find(test)
    return at >= 0 and line[at + len(test) :][:1] in ("", "[", " ", ":")


def chosen(mutants: Sequence[Mutant], names: Sequence[str]) -> list[Mutant]:
    """Return those of these names, all for none; MmapkitError for a name of none."""
    known = {mutant.name for mutant in mutants}
    if unknown := [name for name in names if name not in known]:
        raise MmapkitError(f"no such mutant: {', '.join(unknown)}")
    return [mutant for mutant in mutants if not names or mutant.name in names]
