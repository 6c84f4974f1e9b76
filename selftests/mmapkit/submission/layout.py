"""Where the files of the repository lie in the kernel tree, and how they read there.

What is for older kernels, or for a build out of the tree, stays behind. What is left
does not mention it: where the text of a file has to change for that, there is a rule
here, and a file that still has a word of it is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmapkit.build import command
from mmapkit.errors import MmapkitError

DRIVER = "drivers/misc/memphys"
DOCUMENTATION = "Documentation/misc-devices/memphys"
SELFTESTS = "tools/testing/selftests/memphys"

#: folders of the repository, and where they lie in the tree; the first one counts
PLACES = (
    ("driver/uapi/linux/", "include/uapi/linux/"),
    ("driver/", f"{DRIVER}/"),
    ("Documentation/netlink/specs/", "Documentation/netlink/specs/"),
    ("Documentation/", f"{DOCUMENTATION}/"),
    ("selftests/", f"{SELFTESTS}/"),
)

#: what stays behind: older kernels and builds out of the tree, what is merged into
#: files of the tree, and what tests the kit, measures it, or needs the repository
LEFT_OUT = (
    *("driver/compat/", "driver/GNUmakefile", "driver/Kbuild", "driver/MAINTAINERS"),
    *("selftests/bench/", "selftests/detection/", "selftests/host/"),
    "selftests/mutants/",
    *("selftests/mmapkit/submission/", "selftests/lint.py", "selftests/spec.py"),
    *("selftests/documented.py", "selftests/documented.toml"),
    *("selftests/reference.py", "selftests/unreached.toml"),
    "selftests/agent/Makefile",
    "Documentation/conf.py",
    "Documentation/submission.rst",
)

#: the entry for MAINTAINERS
MAINTAINERS = "driver/MAINTAINERS"

#: of what has no line that says another one
LICENSE = "GPL-2.0-only"

_SHEBANG = b"#!"


@dataclass(frozen=True, slots=True)
class File:
    """A file in the tree."""

    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of a text in the files whose place in the tree matches."""

    files: str
    pattern: str
    to: str


RULES = (
    # How VMA operations get into a VMA.
    Rule(
        rf"{DRIVER}/.*\.c", r"memphys_vma_set_ops\((\w+), (&\w+)\)", r"\1->vm_ops = \2"
    ),
    # The chapter about older kernels, up to the next one.
    Rule(
        rf"{DOCUMENTATION}/driver\.rst",
        r"(?s)Kernels\n=======\n\n.*?(?=\n[^\n]+\n====|\Z)",
        "",
    ),
    # What is about the way there is no part of it.
    Rule(rf"{DOCUMENTATION}/index\.rst", r"\n   submission(?=\n|\Z)", ""),
    # Out of the tree the modules are no part of a kernel's configuration.
    Rule(rf"{SELFTESTS}/config", r"\n\Z", "\n\n# The driver.\nCONFIG_MEMPHYS=m\n"),
    # Paths, but for those in a column of a table.
    Rule(
        rf"{DOCUMENTATION}/.*", r"(?m)(?<!^``)(?<![\w/.])driver/(?=[\w`])", f"{DRIVER}/"
    ),
    Rule(
        rf"{DOCUMENTATION}/.*",
        r"(?m)(?<!^``)(?<![\w/.])selftests/(?=[\w`])",
        f"{SELFTESTS}/",
    ),
)

#: what no file of the driver says in the tree
FORBIDDEN = re.compile(r"compat/|memphys_compat|LINUX_VERSION_CODE|KERNEL_VERSION\(")


def place_of(name: str) -> str | None:
    """Return where a file of the repository lies in the tree; None: nowhere."""
    if any(name == out or name.startswith(out) for out in LEFT_OUT if out):
        return None
    for here, there in PLACES:
        if name.startswith(here):
            return there + name.removeprefix(here)
    return None


def _licensed(place: str, text: str) -> str:
    """Return a text with the line that the tree wants first."""
    tag = "SPDX-License-Identifier:"
    if any(tag in line for line in text.splitlines()[:2]) or not text.strip():
        return text
    if Path(place).suffix in (".c", ".h") or text.startswith("#!"):
        # They have to say it themselves, and checkpatch.pl sees that they do.
        return text
    if Path(place).suffix in (".rst", ".inc"):
        return f".. {tag} {LICENSE}\n\n{text}"
    return f"# {tag} {LICENSE}\n{text}"


def reads(place: str, text: str) -> str:
    """Return the text of a file as it reads in the tree."""
    for rule in RULES:
        if re.fullmatch(rule.files, place):
            text = re.sub(rule.pattern, rule.to, text)
    if place.startswith(f"{DOCUMENTATION}/"):
        # Source that is quoted: git wants no blank in front of a tab.
        text = re.sub(r"(?m)^ +\t.*$", lambda line: line[0].expandtabs(8), text)
    text = _licensed(place, text.rstrip("\n") + "\n" if text.strip() else text)
    if place.startswith(f"{DRIVER}/") and (match := FORBIDDEN.search(text)):
        raise MmapkitError(
            f'{place}: says "{match[0]}", which the kernel tree knows nothing of: '
            "mend the file, or add a rule to mmapkit/submission/layout.py"
        )
    return text


def names(root: Path) -> list[str]:
    """Return the files of a repository that are not ignored, sorted."""
    options = ["--cached", "--others", "--exclude-standard", "-z"]
    told = command(["git", "-C", root, "ls-files", *options])
    return sorted({name for name in told.split("\0") if (root / name).is_file()})


def lay(root: Path) -> Mapping[str, File]:
    """Return the files of a repository by their places in the tree."""
    found = {}
    for name in names(root):
        place = place_of(name)
        if place is None:
            continue
        data = (root / name).read_bytes()
        if data and b"\0" not in data:
            data = reads(place, data.decode()).encode()
        found[place] = File(data, data.startswith(_SHEBANG))
    return found
