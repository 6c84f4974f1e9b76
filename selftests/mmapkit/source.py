"""Kernel sources, found and fetched by apt: the newest that Debian has packaged.

Where from is what the machine's own apt is configured for. It may be years
behind; the newest kernels lie in the backports of the stable release, at the
same mirror. apt looks there in a world of its own, below the cache: the
machine's lists and packages are left alone. apt also does the verifying, by
signature and hash, with the keys that it trusts the mirror with.
"""

import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mmapkit.build import cache_dir, cached, command, follow, locked
from mmapkit.errors import MmapkitError, ProvisionError

Report = Callable[[str], None]

#: seconds until the mirror is asked again what is newest
FRESH = 24 * 60 * 60

#: what apt is to print of each index that it has
TARGET = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(LABEL)|$(SOURCESENTRY)"

# Large, and of no use to an x86 kernel without graphics.
_LEFT_OUT = ("drivers/gpu/drm/amd/include", "arch/*/boot/dts")


@dataclass(frozen=True, slots=True)
class Repository:
    """A place that apt gets packages from.

    suites: those that the machine uses. trust: the lines of deb822 that say
    how apt knows it to be what it says. debian: it is the archive of Debian.
    """

    uri: str
    suites: tuple[str, ...]
    trust: tuple[str, ...]
    debian: bool


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a kernel's source."""

    name: str
    version: str

    @property
    def upstream(self) -> str:
        """The version without what Debian adds: "7.3.4"."""
        return self.version.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Source:
    """A kernel's source, unpacked; the folder is not to be written to."""

    package: Package
    folder: Path


# ----------------------------------------------- what the machine is told


def trust_of(entry: str) -> tuple[str, ...]:
    """Return Signed-By and Trusted of an entry of sources.list, as deb822.

    entry is what apt calls it: a file, a colon, and the number of the line, or
    of the stanza in a file of the newer kind.
    """
    name, _, number = entry.rpartition(":")
    text = Path(name).read_text()
    if not name.endswith(".sources"):
        options = re.search(r"\[(.*?)\]", text.splitlines()[int(number) - 1])
        words = options[1].split() if options else []
        pairs = [word.partition("=") for word in words]
        names = {"signed-by": "Signed-By", "trusted": "Trusted"}
        return tuple(
            f"{names[key]}: {value.replace(',', ' ')}"
            for key, _, value in pairs
            if key in names
        )
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    stanzas = [s for s in re.split(r"\n\s*\n", "\n".join(lines)) if s.strip()]
    fields = re.findall(r"(?m)^\S+:.*(?:\n[ \t].*)*", stanzas[int(number) - 1])
    return tuple(f for f in fields if re.match(r"(?i)(signed-by|trusted):", f))


def repositories(targets: str) -> list[Repository]:
    """Return the repositories that hold main, from what apt prints by TARGET."""
    found: dict[str, Repository] = {}
    for line in targets.splitlines():
        uri, suite, component, origin, label, entry = line.split("|")
        # Debian's security archive, say, has a label of its own, and no kernels
        # that the archive proper does not get.
        if component != "main" or origin != label:
            continue
        before = found[uri].suites if uri in found else ()
        if suite not in before:
            found[uri] = Repository(
                uri, (*before, suite), trust_of(entry), origin == "Debian"
            )
    return list(found.values())


# ------------------------------------------------------ a world for apt


def stanza(repository: Repository, suites: Iterable[str], indexes: str) -> str:
    """Return an entry of sources.list that gets one kind of index of suites."""
    lines = [
        "Types: deb",
        f"URIs: {repository.uri}",
        f"Suites: {' '.join(suites)}",
        "Components: main",
        f"Targets: {indexes}",
        *repository.trust,
    ]
    return "\n".join(lines) + "\n"


def codenames(folder: Path) -> list[str]:
    """Return the code names of the stable releases that apt has lists of."""
    found = set()
    for file in folder.glob("*Release"):
        told = dict(re.findall(r"(?m)^(Suite|Codename): (\S+)$", file.read_text()))
        if told.get("Suite") == "stable" and "Codename" in told:
            found.add(told["Codename"])
    return sorted(found)


def newest_of(madison: str) -> Package | None:
    """Return the newest package of a kernel's source in apt-cache madison's words.

    Release candidates are not releases.
    """
    found: list[tuple[list[int], Package]] = []
    for line in madison.splitlines():
        name, version, *_ = (word.strip() for word in line.split("|"))
        package = Package(name, version)
        if re.fullmatch(r"\d+(\.\d+)+", package.upstream):
            numbers = [int(number) for number in package.upstream.split(".")]
            found.append((numbers, package))
    # Of equals the first, which is the one that apt would take.
    return max(found, key=lambda pair: pair[0])[1] if found else None


class _Apt:
    """apt with lists of its own."""

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder = folder
        self._report = report
        self.lists = folder / "lists"
        for path in (self.lists / "partial", folder / "cache/archives/partial"):
            path.mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        self._sources = folder / "kernel.sources"
        options = {
            "Dir::Etc::SourceList": self._sources,
            "Dir::Etc::SourceParts": "-",
            "Dir::State::Lists": self.lists,
            "Dir::State::Status": folder / "status",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": 3,
            # Root's apt fetches as somebody else, who may not write here.
            "APT::Sandbox::User": "root",
        }
        self._options = [f"-o{name}={value}" for name, value in options.items()]

    def ask(self, *words: str) -> str:
        """Return what apt-cache knows."""
        return command(["apt-cache", *self._options, *words])

    def get(self, *words: str, cwd: Path | None = None) -> None:
        """Have apt-get do something."""
        self._report(f"+ apt-get {' '.join(words)}")
        argv = ["apt-get", "-q", "-y", *self._options, *words]
        follow(argv, lambda line: self._report(f"  {line}"), cwd=cwd)

    def update(self, stanzas: Iterable[str]) -> None:
        """Get the lists of these entries; a suite that is not there is none."""
        self._sources.write_text("\n".join(stanzas))
        try:
            self.get("update")
        except MmapkitError as err:
            self._report(f"  {str(err).splitlines()[-1]}; going on without")


def _look(apt: _Apt) -> Package:
    """Return the newest package at the machine's mirrors."""
    argv = ["apt-get", "indextargets", "--format", TARGET, "Created-By: Packages"]
    known = repositories(command(argv))
    if not known:
        raise ProvisionError("apt has no lists yet; as root: apt-get update")
    # By code name: aliases like stable-backports can lag behind at a mirror.
    apt.update(stanza(r, ["stable"], "none") for r in known if r.debian)
    backports = [f"{name}-backports" for name in codenames(apt.lists)]
    apt.update(
        stanza(r, [*r.suites, *(backports if r.debian else [])], "Packages")
        for r in known
    )
    listed = apt.ask("search", "--names-only", r"^linux-source-[0-9.]+$")
    names = [line.split()[0] for line in listed.splitlines() if line]
    package = newest_of(apt.ask("madison", *names)) if names else None
    if package is None:
        raise ProvisionError("no mirror of this machine's has a linux-source package")
    return package


def _newest(apt: _Apt, memory: Path, report: Report) -> Package:
    """Return the newest package; who asked within a day is not asked again.

    memory is where the last answer is, for then and for when there is no net.
    """
    last = Package(*memory.read_text().split()) if memory.is_file() else None
    if last is not None and time.time() - memory.stat().st_mtime < FRESH:
        return last
    report("looking for the newest kernel source")
    try:
        package = _look(apt)
    except MmapkitError as err:
        if last is None:
            raise
        report(f"{err}; taking the last one found")
        return last
    memory.write_text(f"{package.name} {package.version}\n")
    return package


def fetch(report: Report) -> Source:
    """Return the newest kernel source there is, fetched and unpacked."""
    home = cache_dir() / "apt"
    home.mkdir(parents=True, exist_ok=True)
    apt = _Apt(home, report)
    with locked(home / "lock"):
        package = _newest(apt, home / "newest", report)
    report(f"kernel source {package.name} {package.version}")

    def make(folder: Path) -> None:
        apt.get("download", f"{package.name}={package.version}", cwd=folder)
        report("  unpacking")
        for deb in folder.glob("*.deb"):
            command(["dpkg-deb", "--extract", deb, folder / "deb"])
            deb.unlink()
        tars = list((folder / "deb").rglob("linux-source-*.tar.*"))
        if len(tars) != 1:
            raise ProvisionError(f"{package.name} holds {len(tars)} sources")
        out = folder / "linux"
        out.mkdir()
        left_out = [f"--exclude=linux-source-*/{path}" for path in _LEFT_OUT]
        command(["tar", "-xf", tars[0], "-C", out, "--strip-components=1", *left_out])
        shutil.rmtree(folder / "deb")

    parts = (package.name, package.version, *_LEFT_OUT)
    return Source(package, cached(f"source-{package.upstream}", parts, make) / "linux")
