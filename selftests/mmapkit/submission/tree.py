"""A kernel's source to put the series to: patched, configured and built by parts.

It lies in the cache and is used again: what make has built there before, it need not
build twice. Of its files git knows those that the series changes; no other is touched.
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from mmapkit.build import command
from mmapkit.debug_kernel import lost
from mmapkit.errors import KernelError
from mmapkit.submission import layout, series

#: what the series brings, as it is built for the gate
OPTIONS = """\
CONFIG_RUNTIME_TESTING_MENU=y
CONFIG_MEMPHYS=m
CONFIG_MEMPHYS_FAULTY=m
CONFIG_MEMPHYS_KUNIT_TEST=m
"""

_WARNING = re.compile(r"\b(warning|error):", re.IGNORECASE)

# Who it is does not matter: nothing of it leaves the tree.
_NOBODY = ("-c", "user.name=gate", "-c", "user.email=gate@invalid")


def complaints(told: str) -> list[str]:
    """Return the lines of a build, or of a checker, that complain."""
    return [line.strip() for line in told.splitlines() if _WARNING.search(line)]


class Tree:
    """A source with a build of its own for each compiler."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.folder = folder / "linux"

    def git(self, *words: str | Path) -> str:
        """Run git in the source."""
        return command(["git", *_NOBODY, "-C", self.folder, *words])

    def unpack(self, source: Path) -> None:
        """Have the source as its package has it, in place of an earlier series."""
        if not (self.folder / ".git" / "refs/tags/base").is_file():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.home.mkdir(parents=True, exist_ok=True)
            # Hard links: git and make put a new file in place of an old one.
            command(["cp", "-al", source, self.folder])
            self.git("init", "-q", "-b", "gate")
            self.git("add", "-f", "--", *series.EDITED)
            self.git("commit", "-q", "-m", "base")
            self.git("tag", "base")
        if (self.folder / ".git" / "rebase-apply").exists():
            self.git("am", "--abort")
        self.git("checkout", "-q", "-f", "-B", "gate", "base")
        for place in (layout.DRIVER, layout.SELFTESTS, layout.DOCUMENTATION):
            shutil.rmtree(self.folder / place, ignore_errors=True)

    def apply(self, patch: Path) -> str:
        """Apply a patch, and return the commit that it has become."""
        self.git("am", "-q", "--whitespace=error-all", patch.resolve())
        return self.git("rev-parse", "HEAD").strip()

    def checkout(self, commit: str) -> None:
        """Have the source as it is with a commit."""
        self.git("checkout", "-q", "-f", commit)

    def make(self, build: str, *words: str | Path) -> str:
        """Run make for a build, with as many jobs as processors."""
        to = self.home / build
        jobs = f"-j{os.cpu_count() or 1}"
        return command(["make", "-C", self.folder, f"O={to}", jobs, *words])

    def configure(
        self, build: str, fragments: Sequence[str], words: Sequence[str] = ()
    ) -> None:
        """Configure a build, and make all that a part of the kernel is built with."""
        wanted = "".join(fragments)
        self.choose(build, wanted, words)
        configuration = (self.home / build / ".config").read_text()
        if missing := lost(wanted, configuration):
            raise KernelError(f"cannot be configured like that: {', '.join(missing)}")
        self.make(build, *words, "prepare")

    def choose(self, build: str, wanted: str, words: Sequence[str] = ()) -> None:
        """Configure a build as far as the source of now knows what is wanted."""
        to = self.home / build
        to.mkdir(parents=True, exist_ok=True)
        (to / "wanted.config").write_text(wanted)
        self.make(build, *words, f"KCONFIG_ALLCONFIG={to}/wanted.config", "allnoconfig")

    def build_driver(self, build: str, *words: str) -> list[str]:
        """Build the driver's folder, all of it, and return what the compiler says."""
        shutil.rmtree(self.home / build / layout.DRIVER, ignore_errors=True)
        return complaints(self.make(build, *words, f"{layout.DRIVER}/"))
