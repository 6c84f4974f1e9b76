"""A kernel that looks for trouble: the newest source, and a lean configuration.

The fragments of a configuration are lines as in .config. What they do not name
is off, unless something that they name needs it; what they do name holds after
the build, or the build is an error.
"""

import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mmapkit import source
from mmapkit.build import cached, command, follow
from mmapkit.errors import KernelError, MmapkitError
from mmapkit.kernel import Kernel, from_tree

Report = Callable[[str], None]

#: seconds from one line about a build to the next
PROGRESS = 15.0

_LINE = re.compile(r"(?:# )?CONFIG_(\w+)(?:=(.+)| is not set)")

# A build tree knows where it is; ours moves when it is complete.
_MAKEFILE = """\
export KBUILD_OUTPUT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
include {source}/Makefile
"""


def options(text: str) -> dict[str, str]:
    """Return the options of a configuration; "n" for what is not set."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line.strip()):
            found[match[1]] = match[2] or "n"
        elif line.strip() and not line.startswith("#"):
            raise KernelError(f'not a line of a configuration: "{line}"')
    return found


def lost(wanted: str, configuration: str) -> list[str]:
    """Return what was asked for and is not so, as "CONFIG_A=y is n"."""
    have = options(configuration)
    return [
        f"CONFIG_{name}={value} is {have.get(name, 'n')}"
        for name, value in options(wanted).items()
        if have.get(name, "n") != value
    ]


class _Progress:
    """Says now and then how far make has come."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._files = 0
        self._began = self._told = time.monotonic()

    def line(self, text: str) -> None:
        self._files += 1
        now = time.monotonic()
        if now - self._told >= PROGRESS:
            self._told = now
            what = " ".join(text.split())
            self._report(f"  {now - self._began:4.0f} s, step {self._files}: {what}")


def build(fragments: Sequence[Path], report: Report) -> Kernel:
    """Return the kernel of the newest source with these fragments, built once."""
    origin = source.fetch(report)
    wanted = "".join(path.read_text() for path in fragments)
    make = ["make", "-C", str(origin.folder), f"-j{os.cpu_count() or 1}"]

    def make_tree(folder: Path) -> None:
        tree = folder / "tree"
        tree.mkdir()
        (tree / "wanted.config").write_text(wanted)
        to = f"O={tree}"
        command([*make, to, f"KCONFIG_ALLCONFIG={tree}/wanted.config", "allnoconfig"])
        if missing := lost(wanted, (tree / ".config").read_text()):
            raise KernelError(
                f"Linux {origin.package.upstream} cannot be configured like that: "
                f"{', '.join(missing)}; see {', '.join(map(str, fragments))}"
            )
        report(f"building Linux {origin.package.upstream}, once; this takes minutes")
        began = time.monotonic()
        try:
            follow([*make, to, "bzImage", "modules"], _Progress(report).line)
        except MmapkitError as err:
            raise KernelError(f"the debug kernel does not build: {err}") from err
        (tree / "Makefile").write_text(_MAKEFILE.format(source=origin.folder))
        report(f"built in {time.monotonic() - began:.0f} s")

    compiler = command(["gcc", "--version"]).splitlines()[0]
    parts = (origin.package.name, origin.package.version, wanted, compiler, _MAKEFILE)
    name = f"kernel-{origin.package.upstream}-debug"
    return from_tree(cached(name, parts, make_tree) / "tree")
