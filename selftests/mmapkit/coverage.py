"""Which lines of the driver have run, by what the kernel's gcov has counted.

The counts are in the memory of each machine, and are fetched before it ends;
gcov of the compiler puts them beside the source out here. Machines that die
take theirs with them.
"""

import gzip
import json
import re
import shutil
import tempfile
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


def table(sources: Iterable[Source]) -> list[str]:
    """Return lines with the coverage of each file, and of all of them."""
    rows = [(s.name, len(s.lines), s.missed) for s in sources]
    count = sum(lines for _, lines, _ in rows)
    missed = sum(len(numbers) for *_, numbers in rows)
    texts = [
        (name, lines, len(numbers), ranges(numbers)) for name, lines, numbers in rows
    ]
    width = max((len(name) for name, *_ in texts), default=0)
    told = [f"{'file':{width}}  lines  missed  covered"]
    for name, lines, gone, where in [*texts, ("total", count, missed, "")]:
        share = 100 * (lines - gone) / lines if lines else 100.0
        row = f"{name:{width}}  {lines:5}  {gone:6}  {share:6.1f}%  {where}"
        told.append(row.rstrip())
    return told


def listing(sources: Iterable[Source], modules: Path) -> list[str]:
    """Return the lines that have not run, each with its place."""
    told = []
    for source in sources:
        text = (modules / BUILD / source.name).read_text().splitlines()
        told += [f"{source.name}:{n}: {text[n - 1]}" for n in source.missed]
    return told
