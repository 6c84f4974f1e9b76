"""Breaks the kit, a place at a time, and demands that tests fail.

python -m mutants [--host] [NAME...] [-- ARGUMENTS OF PYTEST]

It works on a copy. Before anything is broken there, all tests that are to fail
have to pass. The status is 1 when a mutant lives, and 2 when the list is not about
this tree.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT
from mutants import LIST, Mutant, chosen, read, survivors

#: exit codes of pytest: some failed, and all passed
FAILED, PASSED = 1, 0

#: what is no part of the tree
_APART = (".*", "__pycache__", "results", "build", "*.egg-info")


def copy_tree(to: Path) -> Path:
    """Copy the tree that this is part of."""
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(*_APART))
    return to


def run_tests(
    tree: Path, tests: Sequence[str], words: Sequence[str]
) -> tuple[int, str]:
    """Run tests of a tree; returns the status and what was printed."""
    argv = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE"]
    argv += ["-p", "no:cacheprovider", f"--results={tree}/results", *words, *tests]
    done = subprocess.run(
        argv,
        cwd=tree,
        env=os.environ
        | {"PYTHONPATH": str(tree / "selftests"), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def lives(tree: Path, mutant: Mutant, words: Sequence[str]) -> str:
    """Return why a mutant of a tree lives; "" when it does not."""
    path = tree / mutant.file
    whole = path.read_text()
    path.write_text(mutant.broken(tree))
    try:
        status, output = run_tests(tree, mutant.tests, words)
    finally:
        path.write_text(whole)
    if status == PASSED:
        return "no test fails"
    if status != FAILED:
        raise MmapkitError(
            f"mutant {mutant.name}: pytest ends with {status}:\n{output}"
        )
    left = survivors(mutant, output)
    return f"passed all the same: {', '.join(left)}" if left else ""


def run(mutants: Sequence[Mutant], words: Sequence[str]) -> int:
    """Break a copy of the tree by each mutant; returns how many live."""
    alive = 0
    with tempfile.TemporaryDirectory(prefix="mutants.") as folder:
        tree = copy_tree(Path(folder) / "tree")
        for mutant in mutants:
            mutant.broken(tree)
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        status, output = run_tests(tree, tests, words)
        if status != PASSED:
            raise MmapkitError(f"the tests do not pass as it is:\n{output}")
        for mutant in mutants:
            since = time.monotonic()
            why = lives(tree, mutant, words)
            alive += bool(why)
            seconds = time.monotonic() - since
            _say(f"{'LIVES' if why else 'dies '} {mutant.name} ({seconds:.1f} s) {why}")
    _say(f"{len(mutants)} mutants, {alive} live")
    return alive


def _say(line: str) -> None:
    sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Read the command line, and break what it names."""
    at = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--host", action="store_true", help="those that need no guest")
    parser.add_argument("--list", type=Path, default=LIST, help="the list of mutants")
    parser.add_argument("name", nargs="*", help="those of this name alone")
    args = parser.parse_args(argv[:at])
    try:
        mutants = chosen(read(args.list), args.name)
        if args.host:
            mutants = [mutant for mutant in mutants if mutant.is_of_host]
        return 1 if run(mutants, argv[at + 1 :]) else 0
    except MmapkitError as err:
        sys.stderr.write(f"mutants: {err}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
