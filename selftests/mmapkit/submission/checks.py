"""What checkers of the kernel tree say of our files; each returns its findings."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmapkit.build import command
from mmapkit.errors import MmapkitError
from mmapkit.submission import layout
from mmapkit.submission.tree import complaints


@dataclass(frozen=True, slots=True)
class Excuse:
    """What checkpatch.pl may say of the lines of files, and why it is all right."""

    types: str
    files: str
    why: str


_AGENT = rf"{layout.SELFTESTS}/agent/.*"

EXCEPTIONS = (
    Excuse("MISSING_SIGN_OFF", ".*", "who sends the series signs it off"),
    Excuse(
        "FILE_PATH_CHANGES", ".*", "MAINTAINERS has the folder since an earlier patch"
    ),
    Excuse(
        "BIT_MACRO|CAMELCASE|PREFER_DEFINED_ATTRIBUTE_MACRO",
        _AGENT,
        "of user space: no BIT(), no __printf(), and PRIx64 is libc's",
    ),
    Excuse("VOLATILE", _AGENT, "what one process writes and another reads, and MMIO"),
    Excuse(
        "FUNCTION_ARGUMENTS",
        _AGENT,
        'reads "f(void) __attribute__" as a declaration without a name',
    ),
    Excuse(
        "INCLUDE_LINUX",
        rf"{layout.DRIVER}/access\.c",
        "boot_cpu_data; linux/processor.h is about waiting",
    ),
    Excuse("REPEATED_WORD", rf"{layout.SELFTESTS}/mmapkit/.*", "a grammar: two files"),
)

_FILE = re.compile(r"^#\d+: FILE: (.+):\d+:$")


def excuse(kind: str, file: str) -> Excuse | None:
    """Return why a message about a file is all right; None: it is not."""
    for exception in EXCEPTIONS:
        if re.fullmatch(exception.types, kind) and re.fullmatch(exception.files, file):
            return exception
    return None


def findings(told: str) -> list[tuple[str, str, str]]:
    """Return type, file and text of each message of checkpatch.pl --show-types.

    The file is "" for what is said of the patch.
    """
    found = []
    blocks = re.split(r"\n(?=(?:ERROR|WARNING|CHECK):)", f"\n{told}")
    for block in blocks:
        lines = block.strip().splitlines()
        match = (
            re.match(r"(?:ERROR|WARNING|CHECK):(\w+): ", lines[0]) if lines else None
        )
        if match is None:
            continue
        files = [m[1] for line in lines if (m := _FILE.match(line))]
        found.append((match[1], files[0] if files else "", lines[0]))
    return found


def checkpatch(tree: Path, patches: Sequence[Path]) -> tuple[list[str], int]:
    """Return what checkpatch.pl --strict has against patches, and how many excuses."""
    found, excused = [], 0
    for patch in patches:
        done = subprocess.run(
            ["perl", "scripts/checkpatch.pl", "--strict", "--show-types", patch],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
        if "total: " not in done.stdout:
            raise MmapkitError(f"checkpatch.pl: {(done.stderr or done.stdout).strip()}")
        for kind, file, text in findings(done.stdout):
            if excuse(kind, file) is None:
                found.append(f"{patch.name}: {file}: {text}")
            else:
                excused += 1
    return found, excused


def kernel_doc(tree: Path) -> list[str]:
    """Return what kernel-doc -none says of the driver."""
    files = sorted(str(p) for p in (tree / layout.DRIVER).rglob("*.[ch]"))
    files.append(str(tree / "include/uapi/linux/memphys.h"))
    for name in ("tools/docs/kernel-doc", "scripts/kernel-doc"):
        if (tree / name).exists():
            break
    done = subprocess.run(
        [tree / name, "-none", *files],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout + done.stderr
    if done.returncode and not told.strip():
        return [f"{name} ends with {done.returncode}"]
    return [line for line in told.splitlines() if line.strip()]


def documents(tree: Path, work: Path) -> list[str]:
    """Return the warnings of Sphinx for our folder of the documentation."""
    argv = [sys.executable, "-m", "sphinx", "-q", "-n", "-C", "-b", "html"]
    argv += ["-D", "highlight_language=none", "-D", "smartquotes=0"]
    done = subprocess.run(
        [*argv, tree / layout.DOCUMENTATION, work / "html"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode and not found:
        found = [f"Sphinx ends with {done.returncode}"]
    return found


def get_maintainer(tree: Path, patches: Sequence[Path], address: str) -> list[str]:
    """Return the patches for which get_maintainer.pl does not name whom it should."""
    found = []
    for patch in patches:
        argv: list[str | Path] = [
            "perl",
            "scripts/get_maintainer.pl",
            "--no-git",
            "--no-git-fallback",
        ]
        told = command([*argv, patch], cwd=tree)
        found += [
            f"{patch.name}: {who} is not named"
            for who in (address, "linux-mm@kvack.org")
            if who not in told
        ]
    return found


#: what has to be where the selftests are installed
RUNS = (
    *("run_kselftest.sh", "memphys/memphys_cases.sh", "memphys/memphys_suite.sh"),
    *("memphys/memphys_agent", "memphys/cases/six_pages_private.case"),
    *("memphys/mmapkit/plugin.py", "memphys/conformance/test_question.py"),
    *("memphys/properties/test_windows.py", "memphys/kselftest.ini"),
    *("memphys/settings", "memphys/config"),
)
LISTED = ("memphys:memphys_cases.sh", "memphys:memphys_suite.sh")


def kselftest(tree: Path, objects: Path, installed: Path) -> list[str]:
    """Return what is wrong with the selftests where make gen_tar puts them."""
    for folder in (objects, installed):
        folder.mkdir()
    argv: list[str | Path] = [
        "make",
        "-C",
        tree / "tools/testing/selftests",
        "TARGETS=memphys",
    ]
    argv += [f"O={objects}", f"INSTALL_PATH={installed}", "gen_tar"]
    found = complaints(command(argv))
    found += [
        f"not installed: {name}" for name in RUNS if not (installed / name).is_file()
    ]
    listed = (installed / "kselftest-list.txt").read_text().split()
    found += [f"not listed: {name}" for name in LISTED if name not in listed]
    tar = installed / "kselftest-packages/kselftest.tar.gz"
    packed = command(["tar", "-tf", tar]).split() if tar.is_file() else []
    found += [f"not packed: {name}" for name in RUNS if f"./{name}" not in packed]
    return found
