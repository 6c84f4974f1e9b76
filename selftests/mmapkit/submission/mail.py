"""The patches of a series, as git makes them.

The kernel's tree is only read. The commits are made beside it, in a repository of the
few files of the tree that change: the patches are the same as from a whole one.
Who sends them is their author, as his git is configured; he signs them off.
"""

import os
import re
import subprocess
import tempfile
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mmapkit.build import command
from mmapkit.errors import MmapkitError
from mmapkit.submission import layout, series

COVER = """\
memphys: a test driver for mmap, and a suite that compares its methods

There are half a dozen ways for a driver to get memory into a page table, and what
differs between them is learnt by mistakes: which of them takes a reference, which
may be used for a private mapping, what fork(), mremap() or a revoke does to each,
and why a fault handler may be called for ever.

memphys is a test driver that maps the same memory by each of them: remap_pfn_range(),
vmf_insert_pfn(), vmf_insert_mixed(), vmf_insert_pfn_pmd(), vmf->page,
vm_insert_page(), vm_insert_pages(), remap_vmalloc_range(). Regions of memory come and
go over generic netlink. A second module has methods that are wrong on purpose, one
known bug each.

The suite runs programs, short lists of memory operations as text, by a small static
agent on the machine under test, and compares the results with a model of what Linux
and a right driver have to do. Regression cases are such programs with their results;
the agent replays them alone and writes KTAP.

Whoever may open the driver's nodes owns the machine. It is for test machines only,
and says so in Kconfig.

Each patch builds by itself.
"""


#: columns of a commit message
WIDTH = 72


@dataclass(frozen=True, slots=True)
class Person:
    """Who sends the series."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


def sender(root: Path) -> Person:
    """Return who commits to a repository, as git is configured."""
    try:
        told = command(["git", "-C", root, "var", "GIT_AUTHOR_IDENT"])
    except MmapkitError as err:
        raise MmapkitError(
            "git does not know who you are: git config --global user.name NAME, "
            "and user.email ADDRESS"
        ) from err
    match = re.match(r"(.+) <(.+)> \d+ [-+]\d+$", told.splitlines()[-1])
    if match is None:
        raise MmapkitError(f"git var GIT_AUTHOR_IDENT: not understood: {told.strip()}")
    return Person(match[1], match[2])


def version_of(tree: Path) -> str:
    """Return the version of a kernel's source; MmapkitError when it is none."""
    makefile = tree / "Makefile"
    text = makefile.read_text() if makefile.is_file() else ""
    found = dict(re.findall(r"(?m)^(VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$", text))
    if len(found) != 3 or not (tree / "MAINTAINERS").is_file():
        raise MmapkitError(f"{tree}: not the source of a kernel")
    return ".".join(found[name] for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))


def base_of(tree: Path) -> str:
    """Return what the patches apply to, in a line: version, and commit if any."""
    line = f"Linux {version_of(tree)}"
    if (tree / ".git").exists():
        line += ", " + command(["git", "-C", tree, "rev-parse", "HEAD"]).strip()
    return line


def wrapped(text: str) -> str:
    """Return paragraphs in lines that are as long as those of a commit may be."""
    return "\n\n".join(textwrap.fill(p, WIDTH) for p in text.strip().split("\n\n"))


class _Repository:
    """A repository of git in a folder, for commits of one person."""

    def __init__(self, folder: Path, person: Person) -> None:
        self._folder = folder
        self._environment = os.environ | {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", person.name), ("EMAIL", person.email))
        }
        self.git("init", "-q", "-b", "series")
        self.git("config", "commit.gpgsign", "false")

    def git(self, *words: str, text: str = "") -> str:
        """Run git, with a text for its input; return what it prints."""
        done = subprocess.run(
            ["git", "-C", self._folder, *words],
            env=self._environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise MmapkitError(f"git {words[0]}: {done.stderr.strip()}")
        return done.stdout

    def commit(self, files: dict[str, layout.File], message: str) -> None:
        """Commit files."""
        for place, file in files.items():
            path = self._folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
            path.chmod(0o755 if file.executable else 0o644)
        # Forced, as the patterns of somebody's own .gitignore may fit.
        self.git("add", "-f", "--", *files)
        self.git("commit", "-q", "-F", "-", text=message)


def write(root: Path, tree: Path, output: Path, person: Person) -> list[Path]:
    """Write the series of a repository for a tree into a folder; return the patches.

    The first one is the cover letter.
    """
    base = base_of(tree)
    if output.exists() and any(output.iterdir()):
        raise MmapkitError(f"{output}: is not empty; name another with --output")
    output.mkdir(parents=True, exist_ok=True)

    def text_of(place: str) -> str:
        path = tree / place
        if not path.is_file():
            raise MmapkitError(f"{tree}: no {place}")
        return path.read_text()

    steps = list(
        series.steps(
            layout.lay(root),
            text_of,
            (root / layout.MAINTAINERS).read_text(),
            str(person),
        )
    )
    with tempfile.TemporaryDirectory(prefix="memphys-") as name:
        repository = _Repository(Path(name), person)
        repository.commit(_changed_in(tree, steps), base)
        for step in steps:
            message = f"{step.part.subject}\n\n{wrapped(step.part.body)}\n"
            repository.commit(dict(step.files), message)
        description = f"{wrapped(COVER)}\n\nBased on {base}.\n"
        repository.git("config", "branch.series.description", description)
        options = [
            "--cover-letter",
            "--cover-from-description=subject",
            "--no-signature",
        ]
        told = repository.git(
            "format-patch", *options, "-o", str(output.resolve()), f"-{len(steps)}"
        )
    return [Path(line) for line in told.splitlines()]


def _changed_in(tree: Path, steps: Iterable[series.Step]) -> dict[str, layout.File]:
    """Return the files of the tree that steps change, as they are."""
    return {
        place: layout.File((tree / place).read_bytes())
        for step in steps
        for place in step.files
        if (tree / place).is_file()
    }
