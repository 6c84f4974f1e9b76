"""Builds things once: by content, in a cache outside of the source tree.

What goes into a build is hashed; a build whose hash is there is not done
again. Builds of the same thing by several processes wait for one another.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmapkit.errors import MmapkitError

#: lines of a command that failed which people are shown
_TAIL = 20


def cache_dir() -> Path:
    """Return the folder for what was built or fetched; XDG_CACHE_HOME moves it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "memphys"


def fingerprint(parts: Iterable[bytes | str | Path]) -> str:
    """Return a hash over texts, and over sources() of folders."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for file in sources(part):
                digest.update(f"{file.relative_to(part)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
        else:
            data = part.encode() if isinstance(part, str) else part
            digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()[:24]


def sources(folder: Path) -> list[Path]:
    """Return the files of a folder that a build of C starts from, sorted.

    What an earlier build left there is not among them.
    """
    names = {"Kbuild", "Makefile"}
    return sorted(
        path
        for path in folder.rglob("*")
        if (path.suffix in (".c", ".h") and not path.name.endswith(".mod.c"))
        or path.name in names
    )


def copy_sources(folder: Path, to: Path) -> None:
    """Copy sources() of a folder, which keep their places in it."""
    for path in sources(folder):
        copy = to / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process is in here by the same file."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(
    name: str, parts: Iterable[bytes | str | Path], make: Callable[[Path], None]
) -> Path:
    """Return the folder that make() has filled from what parts stand for.

    make() gets a folder of its own to work in; the result is there completely
    or not at all, also when it is interrupted.
    """
    final = cache_dir() / f"{name}-{fingerprint(parts)}"
    final.parent.mkdir(parents=True, exist_ok=True)
    with locked(final.with_suffix(".lock")):
        if not final.is_dir():
            work = final.with_suffix(".new")
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            make(work)
            work.rename(final)
    return final


def command(argv: Sequence[str | Path], *, cwd: Path | None = None) -> str:
    """Run a command to its end and return what it printed, errors included.

    MmapkitError, with the end of the output, when it fails.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as err:
        raise _not_there(words, err) from err
    if done.returncode:
        raise _failed(words, done.returncode, done.stdout.splitlines())
    return done.stdout


def follow(
    argv: Sequence[str | Path],
    each: Callable[[str], None],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a command to its end and hand over each line as it is printed.

    MmapkitError, with the end of the output, when it fails.
    """
    words = [str(word) for word in argv]
    last: deque[str] = deque(maxlen=_TAIL)
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as err:
        raise _not_there(words, err) from err
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            last.append(line.rstrip())
            each(line.rstrip())
    if process.returncode:
        raise _failed(words, process.returncode, last)


def _not_there(words: list[str], err: OSError) -> MmapkitError:
    """Return what to say when a command cannot be started."""
    return MmapkitError(f"{words[0]}: {err.strerror}; is it installed?")


def _failed(words: list[str], status: int, lines: Iterable[str]) -> MmapkitError:
    """Return what to say when a command fails: the end of what it printed."""
    tail = "\n".join(deque(lines, maxlen=_TAIL))
    return MmapkitError(f"command failed with {status}: {' '.join(words)}\n{tail}")
