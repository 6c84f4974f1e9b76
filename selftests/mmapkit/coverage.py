"""Which lines of the driver have run, by what the kernel's gcov has counted.

The counts are in the memory of each machine, and are fetched before it ends;
gcov of the compiler puts them beside the source out here. Machines that die
take theirs with them.

Lines that no test can reach, or of which no count can be had, are named in a
file, each with its reason: selftests/unreached.toml. A name that is wrong is told.
"""

import gzip
import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmapkit.build import command
from mmapkit.errors import MmapkitError, TargetError
from mmapkit.files import read_bytes
from mmapkit.kernel import BUILD, BUILT_IN
from mmapkit.machine import Machine

GCOV = "/sys/kernel/debug/gcov"

#: the largest file of counts that is worth while
_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A source file, and how often its lines have run; only lines with code."""

    name: str
    lines: Mapping[int, int]

    @property
    def missed(self) -> list[int]:
        """The numbers of the lines that have not run."""
        return [number for number, count in sorted(self.lines.items()) if not count]


def fetch(machine: Machine, modules: Path, folder: Path) -> int:
    """Put the counts of a machine into a folder, and return of how many files.

    modules: what build_modules() made with coverage. What belongs to a module
    that has never been loaded has no counts.
    """
    build = modules / BUILD
    built_in = (modules / BUILT_IN).read_text()
    found = 0
    for notes in sorted(build.rglob("*.gcno")):
        name = notes.relative_to(build).with_suffix(".gcda")
        try:
            counts = read_bytes(machine, f"{GCOV}{built_in}/{name}", 0, _LIMIT)
        except TargetError:
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(counts)
        found += 1
    return found


def _gcov(notes: Path, counts: Path) -> dict[str, object]:
    """Return what gcov says of one object, as it prints JSON."""
    with tempfile.TemporaryDirectory(prefix="mp-") as name:
        work = Path(name)
        shutil.copyfile(notes, work / notes.name)
        shutil.copyfile(counts, work / counts.name)
        command(["gcov", "--json-format", counts.name], cwd=work)
        made = list(work.glob("*.gcov.json.gz"))
        if len(made) != 1:
            raise MmapkitError(f"gcov makes nothing of {counts}")
        told: dict[str, object] = json.loads(gzip.decompress(made[0].read_bytes()))
        return told


def lines_of(told: Mapping[str, object], root: str) -> dict[str, dict[int, int]]:
    """Return the counts of the files below root, by file and line.

    told is gcov's JSON. A line of a function that exists several times counts
    for all of them.
    """
    base = Path(str(told["current_working_directory"]))
    files = told["files"]
    assert isinstance(files, list)
    found: dict[str, dict[int, int]] = {}
    for file in files:
        path = base / file["file"]
        if not path.is_relative_to(root):
            continue
        counts = found.setdefault(str(path.relative_to(root)), {})
        for line in file["lines"]:
            number = line["line_number"]
            counts[number] = counts.get(number, 0) + line["count"]
    return found


def merge(parts: Iterable[Mapping[str, Mapping[int, int]]]) -> list[Source]:
    """Add counts up, of several machines or objects; sorted by name."""
    total: dict[str, dict[int, int]] = {}
    for part in parts:
        for name, lines in part.items():
            counts = total.setdefault(name, {})
            for number, count in lines.items():
                counts[number] = counts.get(number, 0) + count
    return [Source(name, total[name]) for name in sorted(total)]


def measure(modules: Path, folders: Iterable[Path]) -> list[Source]:
    """Return the coverage of the driver's own files by what fetch() put there.

    Those lie right in its folder: what is below are its tests, methods that are
    wrong on purpose, and what older kernels need.
    """
    build = modules / BUILD
    built_in = (modules / BUILT_IN).read_text()
    parts = [
        lines_of(_gcov(build / name.with_suffix(".gcno"), folder / name), built_in)
        for folder in folders
        for name in sorted(p.relative_to(folder) for p in folder.rglob("*.gcda"))
    ]
    return [s for s in merge(parts) if re.fullmatch(r"[^/]+\.c", s.name)]


# ------------------------------------------------------------- exceptions


@dataclass(frozen=True, slots=True)
class Named:
    """Lines that stand together in a file and do not run, and why.

    text: without what is at either end of a line; there once in the file.
    """

    file: str
    text: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return f'{self.file}: "{self.text[0]}"'

    def find(self, source: str) -> range | None:
        """Return the numbers of the lines, None where they are not there once."""
        lines = [line.strip() for line in source.splitlines()]
        size = len(self.text)
        found = [
            start
            for start in range(len(lines) - size + 1)
            if tuple(lines[start : start + size]) == self.text
        ]
        if len(found) != 1:
            return None
        return range(found[0] + 1, found[0] + 1 + size)


def read_named(file: Path) -> tuple[Named, ...]:
    """Return the exceptions that a file names."""
    try:
        told = tomllib.loads(file.read_text())["unreached"]
        named = tuple(
            Named(
                str(one["file"]),
                tuple(line.strip() for line in one["text"].strip().splitlines()),
                str(one["why"]).strip(),
            )
            for one in told
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as err:
        raise MmapkitError(f"{file}: file, text and why are due: {err}") from err
    for one in named:
        if not (one.text and one.why):
            raise MmapkitError(f"{file}: {one.file}: text and why may not be empty")
    return named


@dataclass(frozen=True, slots=True)
class Excused:
    """What the exceptions come to: lines by file, and names that are wrong."""

    lines: Mapping[str, frozenset[int]]
    wrong: tuple[str, ...]

    def left(self, source: Source) -> list[int]:
        """Return the lines that have not run, and have no name."""
        excused = self.lines.get(source.name, frozenset())
        return [number for number in source.missed if number not in excused]


def excuse(
    sources: Iterable[Source], named: Iterable[Named], texts: Mapping[str, str]
) -> Excused:
    """Hold exceptions against what has run; texts: of the files, by name.

    One that has run after all, or that is not there (any more), is wrong.
    """
    by_name = {source.name: source for source in sources}
    lines: dict[str, frozenset[int]] = {}
    wrong = []
    for one in named:
        source = by_name.get(one.file)
        where = source and one.find(texts[one.file])
        if not source or not where:
            wrong.append(f"{one}: named as unreached, and not there once")
            continue
        ran = [number for number in where if source.lines.get(number)]
        if ran:
            wrong.append(f"{one}: named as unreached, but line {ranges(ran)} ran")
        mine = frozenset(where) & set(source.missed)
        lines[one.file] = lines.get(one.file, frozenset()) | mine
    return Excused(lines, tuple(wrong))


# -------------------------------------------------------------------- text


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers as people list them: "3-5, 9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def table(sources: Iterable[Source], excused: Excused) -> list[str]:
    """Return lines with the coverage of each file, and of all of them.

    The numbers behind are of lines that have not run and have no name.
    """
    rows = [(s.name, len(s.lines), len(s.missed), excused.left(s)) for s in sources]
    count = sum(lines for _, lines, *_ in rows)
    missed = sum(gone for _, _, gone, _ in rows)
    unnamed = sum(len(left) for *_, left in rows)
    texts = [
        (name, lines, gone, gone - len(left), ranges(left))
        for name, lines, gone, left in rows
    ]
    texts.append(("total", count, missed, missed - unnamed, ""))
    width = max(len(name) for name, *_ in texts)
    told = [f"{'file':{width}}  lines  missed  named  covered"]
    for name, lines, gone, known, where in texts:
        share = 100 * (lines - gone) / lines if lines else 100.0
        row = f"{name:{width}}  {lines:5}  {gone:6}  {known:5}  {share:6.1f}%  {where}"
        told.append(row.rstrip())
    return [*told, *excused.wrong]


def listing(
    sources: Iterable[Source], excused: Excused, texts: Mapping[str, str]
) -> list[str]:
    """Return the lines that have not run, each with its place; "named" if it is."""
    told = []
    for source in sources:
        text = texts[source.name].splitlines()
        left = excused.left(source)
        told += [
            f"{source.name}:{n}:{'' if n in left else ' named:'} {text[n - 1]}"
            for n in source.missed
        ]
    return told


def report(
    modules: Path, folders: Iterable[Path], unreached: Path
) -> tuple[list[str], list[str]]:
    """Return the table of the coverage, and the list of lines that have not run.

    unreached: the file of exceptions.
    """
    sources = measure(modules, folders)
    texts = {s.name: (modules / BUILD / s.name).read_text() for s in sources}
    excused = excuse(sources, read_named(unreached), texts)
    return table(sources, excused), listing(sources, excused, texts)
