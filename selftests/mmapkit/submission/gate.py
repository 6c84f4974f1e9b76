"""The gates of the series: what the kernel's own tools, and a build, say of it.

    python -m mmapkit.submission.gate [--tree SOURCE] [--only NAME]...

Each step has a line of its own, and what it found below. A step that cannot run here
says why and fails nothing; one that needs an earlier one that failed does not run.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mmapkit import provision, source
from mmapkit.build import cache_dir, locked
from mmapkit.errors import MmapkitError
from mmapkit.setup import DEBUG_CONFIG, ROOT
from mmapkit.submission import checks, mail
from mmapkit.submission.tree import OPTIONS, Tree, complaints


class NotHere(MmapkitError):
    """A step that cannot run on this machine, with the reason."""


@dataclass(slots=True)
class Bench:
    """What the steps work on. commits: one for each patch that has applied."""

    tree: Tree
    patches: list[Path]
    person: mail.Person
    work: Path
    commits: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """A gate. run returns a line about what is right, or raises; needs: names."""

    name: str
    run: Callable[[Bench], str]
    needs: tuple[str, ...] = ()


def _refuse(found: Iterable[str], what: str) -> str:
    """Return that there is nothing; MmapkitError when there is something."""
    if lines := list(found):
        raise MmapkitError("\n".join([f"{len(lines)} findings", *lines]))
    return what


# ------------------------------------------------------------------ steps


def git_am(bench: Bench) -> str:
    """Apply the patches one by one."""
    for patch in bench.patches:
        bench.commits.append(bench.tree.apply(patch))
    return f"{len(bench.patches)} patches"


def _fragments() -> list[str]:
    return [*(path.read_text() for path in DEBUG_CONFIG), OPTIONS]


def each_builds(bench: Bench) -> str:
    """Build the driver after each patch that changes it, with gcc and W=1."""
    bench.tree.configure("gcc", _fragments())
    built = 0
    try:
        for patch, commit in zip(bench.patches, bench.commits, strict=True):
            changed = bench.tree.git("show", "--format=", "--name-only", commit)
            if "drivers/" not in changed:
                continue
            bench.tree.checkout(commit)
            bench.tree.choose("gcc", "".join(_fragments()))
            _refuse(bench.tree.build_driver("gcc", "W=1"), patch.name)
            built += 1
    finally:
        bench.tree.checkout(bench.commits[-1])
    bench.tree.configure("gcc", _fragments())
    _refuse(bench.tree.build_driver("gcc", "W=1"), "all of it")
    return f"{built} states, and all of it, without a warning"


def sparse(bench: Bench) -> str:
    """Have sparse look at the driver."""
    if shutil.which("sparse") is None:
        raise NotHere("no sparse")
    told = bench.tree.make("gcc", "C=2", "drivers/misc/memphys/")
    if "not up to date" in told:
        raise NotHere("this kernel takes a newer sparse than there is")
    return _refuse(complaints(told), "nothing")


def clang(bench: Bench) -> str:
    """Build the driver with clang."""
    if shutil.which("clang") is None or shutil.which("ld.lld") is None:
        raise NotHere("no clang, or no ld.lld")
    bench.tree.configure("clang", _fragments(), ("LLVM=1",))
    return _refuse(bench.tree.build_driver("clang", "LLVM=1", "W=1"), "no warning")


def arm64(bench: Bench) -> str:
    """Build the driver for arm64."""
    prefix = "aarch64-linux-gnu-"
    if shutil.which(f"{prefix}gcc") is None:
        raise NotHere(f"no {prefix}gcc")
    words = ("ARCH=arm64", f"CROSS_COMPILE={prefix}")
    fragment = "".join(f"CONFIG_{name}=y\n" for name in ("MODULES", "NET", "KUNIT"))
    bench.tree.configure("arm64", [fragment, OPTIONS], words)
    return _refuse(bench.tree.build_driver("arm64", *words, "W=1"), "no warning")


def checkpatch(bench: Bench) -> str:
    """Have checkpatch.pl --strict look at each patch."""
    found, excused = checks.checkpatch(bench.tree.folder, bench.patches)
    return _refuse(found, f"nothing but {excused} exceptions, each with its reason")


def kernel_doc(bench: Bench) -> str:
    """Have kernel-doc read the comments of the driver."""
    return _refuse(checks.kernel_doc(bench.tree.folder), "nothing")


def documents(bench: Bench) -> str:
    """Have Sphinx build the documentation."""
    return _refuse(checks.documents(bench.tree.folder, bench.work), "no warning")


def get_maintainer(bench: Bench) -> str:
    """Ask who is to get the patches."""
    address = bench.person.email
    return _refuse(
        checks.get_maintainer(bench.tree.folder, bench.patches, address),
        f"{address} and linux-mm for each patch",
    )


def kselftest(bench: Bench) -> str:
    """Build, install and pack the selftests."""
    if shutil.which("rsync") is None:
        raise NotHere("no rsync, which installs selftests")
    installed = bench.work / "kselftest"
    found = checks.kselftest(bench.tree.folder, bench.work / "objects", installed)
    return _refuse(found, "built, installed and packed with all that runs")


STEPS = (
    Step("git am", git_am),
    Step("gcc W=1", each_builds, ("git am",)),
    Step("sparse", sparse, ("gcc W=1",)),
    Step("clang", clang, ("git am",)),
    Step("arm64", arm64, ("git am",)),
    Step("checkpatch", checkpatch, ("git am",)),
    Step("kernel-doc", kernel_doc, ("git am",)),
    Step("documentation", documents, ("git am",)),
    Step("get_maintainer", get_maintainer, ("git am",)),
    Step("kselftest", kselftest, ("git am",)),
)


# --------------------------------------------------------------- the run


def run(bench: Bench, steps: Iterable[Step], say: Callable[[str], None]) -> int:
    """Run steps, and return how many have failed or could not be asked."""
    passed: set[str] = set()
    failed: list[str] = []
    absent: list[str] = []
    for step in steps:
        began = time.monotonic()
        if missing := [name for name in step.needs if name not in passed]:
            verdict, lines = "not run", [f"needs {', '.join(missing)}"]
            failed.append(step.name)
        else:
            try:
                verdict, lines = "ok", [step.run(bench)]
                passed.add(step.name)
            except NotHere as err:
                verdict, lines = "skipped", [str(err)]
                absent.append(step.name)
            except MmapkitError as err:
                verdict, lines = "FAILED", str(err).splitlines()
                failed.append(step.name)
        took = time.monotonic() - began
        say(f"{step.name:<16} {verdict:<8} {took:4.0f} s  {lines[0]}")
        for line in lines[1:]:
            say(f"    {line}")
    say(
        f"submission: {len(passed)} passed, {len(failed)} failed, {len(absent)} skipped"
        + (f"; failed: {', '.join(failed)}" if failed else "")
    )
    return len(failed)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _person() -> mail.Person:
    """Return who sends the series, or somebody in place of him."""
    try:
        return mail.sender(ROOT)
    except MmapkitError:
        return mail.Person("The Gate", "gate@example.org")


def gate(tree: Path | None, only: list[str]) -> int:
    """Put the series to the newest source, or to a tree; return what has failed."""
    provision.ensure(ROOT / "bindep.txt", "submission", _say)
    origin = tree.resolve() if tree else source.fetch(_say).folder
    version = mail.version_of(origin)
    home = cache_dir() / f"submission-{version}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with locked(home.with_suffix(".lock")), tempfile.TemporaryDirectory() as name:
        work, person = Path(name), _person()
        _say(f"Linux {version}, in {home}")
        patches = mail.write(ROOT, origin, work / "patches", person)[1:]
        series_tree = Tree(home)
        series_tree.unpack(origin)
        bench = Bench(series_tree, patches, person, work)
        wanted = [s for s in STEPS if not only or s.name in only or s.name == "git am"]
        return run(bench, wanted, _say)


def main() -> int:
    """Return 0, 1 when a step has failed, 2 when none could be run."""
    parser = argparse.ArgumentParser(description="Put the series to its gates.")
    parser.add_argument("--tree", type=Path, help="source; default: the newest package")
    names = [step.name for step in STEPS]
    parser.add_argument("--only", action="append", default=[], choices=names)
    args = parser.parse_args()
    try:
        return 1 if gate(args.tree, args.only) else 0
    except MmapkitError as err:
        sys.stderr.write(f"memphys: {err}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
