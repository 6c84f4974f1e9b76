"""The pytest plugin: options, fixtures, what is printed. No test logic."""

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from mmapkit.build import cache_dir
from mmapkit.errors import MmapkitError
from mmapkit.journal import Journal
from mmapkit.lab import Lab
from mmapkit.machine import Machine, Machines
from mmapkit.report.text import explain
from mmapkit.setup import Wanted, supply
from mmapkit.tally import Tally
from mmapkit.target import Target
from mmapkit.targets.memphys import read_target
from mmapkit.targets.regions import read_regions
from mmapkit.verdict import Outcome

ReadTarget = Callable[[Machine], Target]
MakeLab = Callable[[ReadTarget], Lab]

_RESULTS = pytest.StashKey[Path]()
_LABS = pytest.StashKey[list[Lab]]()
_SUPPLIES = pytest.StashKey[list[Machines]]()
_SUMMARY = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("memphys")
    group.addoption(
        "--machine",
        choices=("qemu", "local"),
        default="qemu",
        help="where programs run: a throw-away virtual machine, or right here",
    )
    group.addoption(
        "--this-machine-is-disposable",
        action="store_true",
        help="what --machine=local asks for: it may hang or crash this machine",
    )
    group.addoption(
        "--kernel",
        metavar="VERSION|PATH|debug",
        help="kernel to boot: an installed version ('6.1' will do), a build tree, or "
        "'debug' to build the newest with all that looks for trouble; default: the "
        "newest that is installed with headers",
    )
    group.addoption(
        "--coverage",
        action="store_true",
        help="tell which lines of the driver have run; for a kernel with gcov, as "
        "--kernel=debug",
    )
    group.addoption(
        "--results",
        metavar="DIR",
        type=Path,
        help="folder for console logs, journal and JUnit XML; default: a new one "
        "under results/",
    )


def _register_profiles() -> None:
    common = settings(
        deadline=None,
        print_blob=False,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.function_scoped_fixture,
        ],
    )
    # The gate gives the same verdict for the same tree, each time.
    settings.register_profile(
        "gate", common, derandomize=True, database=None, max_examples=1000
    )
    # The same where each program takes several times as long.
    settings.register_profile(
        "debug", common, derandomize=True, database=None, max_examples=100
    )
    settings.register_profile(
        "soak",
        common,
        max_examples=5000,
        database=DirectoryBasedExampleDatabase(cache_dir() / "examples"),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )


def _results_folder(config: pytest.Config) -> Path:
    folder: Path | None = config.getoption("--results")
    if folder is None:
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        folder = config.rootpath / "results" / f"{stamp}-{os.getpid()}"
    if folder.exists() and not folder.is_dir():
        _give_up(MmapkitError(f"--results {folder}: is there, and is no folder"))
    return folder.resolve()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    _register_profiles()
    if not config.getoption("--hypothesis-profile", None):
        settings.load_profile("gate")
    config.stash[_RESULTS] = _results_folder(config)
    config.stash[_LABS] = []
    config.stash[_SUPPLIES] = []
    config.stash[_SUMMARY] = []
    # Our hook runs first: the reporter of pytest makes the file there.
    if not config.option.xmlpath and not config.option.collectonly:
        config.option.xmlpath = str(config.stash[_RESULTS] / "junit.xml")


def _say(config: pytest.Config, line: str) -> None:
    """Print a line at once, also from within a test."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is None:
        return
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        reporter.ensure_newline()
        reporter.write_line(line)


def _give_up(err: MmapkitError) -> NoReturn:
    pytest.exit(f"memphys: {err}", returncode=2)


@pytest.fixture(scope="session")
def make_lab(pytestconfig: pytest.Config) -> Iterator[MakeLab]:
    """Return a maker of labs, each with machines of its own."""
    results = pytestconfig.stash[_RESULTS]
    _say(pytestconfig, f"results in {results}")
    wanted = Wanted(
        machine=pytestconfig.getoption("--machine"),
        kernel=pytestconfig.getoption("--kernel"),
        disposable=pytestconfig.getoption("--this-machine-is-disposable"),
        coverage=pytestconfig.getoption("--coverage"),
    )
    report = partial(_say, pytestconfig)
    try:
        machines = supply(wanted, results, report)
    except MmapkitError as err:
        _give_up(err)

    labs = pytestconfig.stash[_LABS]
    journal = Journal(results / "journal.txt")

    def make(read: ReadTarget) -> Lab:
        own = machines.machines()
        pytestconfig.stash[_SUPPLIES].append(own)
        lab = Lab(own, read, journal, report)
        labs.append(lab)
        return lab

    yield make
    for lab in labs:
        lab.close()
    machines.close()
    pytestconfig.stash[_SUMMARY] += machines.summary()
    late = [found for own in pytestconfig.stash[_SUPPLIES] for found in own.found]
    if late:
        told = "\n\n".join("\n".join((f.title, *f.lines[1:])) for f in late)
        pytest.fail(f"told by machines at their end:\n{told}", pytrace=False)


def _booted(lab: Lab) -> Lab:
    try:
        _ = lab.machine
    except MmapkitError as err:
        _give_up(err)
    return lab


@pytest.fixture(scope="session")
def lab(make_lab: MakeLab) -> Lab:
    """The driver under test, on a machine."""
    return _booted(make_lab(read_target))


@pytest.fixture(scope="session")
def regions(make_lab: MakeLab) -> Lab:
    """The same on another machine, with a region for each pair it offers."""
    return _booted(make_lab(read_regions))


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    if op == "==" and isinstance(left, Outcome) and isinstance(right, Outcome):
        return explain(left, right)
    return None


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not config.stash[_SUPPLIES]:
        return
    programs = sum(lab.programs for lab in config.stash[_LABS])
    machines = sum(supply.started for supply in config.stash[_SUPPLIES])
    terminalreporter.section("memphys")
    terminalreporter.write_line(
        f"{programs} programs, {machines} machines; consoles and journal in "
        f"{config.stash[_RESULTS]}"
    )
    for line in config.stash[_SUMMARY]:
        terminalreporter.write_line(line)
    if config.get_verbosity() > 0:
        tally = Tally()
        for lab in config.stash[_LABS]:
            tally.merge(lab.tally)
        for line in tally.lines():
            terminalreporter.write_line(line)
