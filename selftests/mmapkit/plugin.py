"""The pytest plugin: options, fixtures, what is printed. No test logic."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from mmapkit import plugin_subjects
from mmapkit.account import Account
from mmapkit.build import cache_dir
from mmapkit.errors import MmapkitError
from mmapkit.journal import Journal
from mmapkit.lab import Lab
from mmapkit.machine import Machine, Machines
from mmapkit.plugin_subjects import after_modules
from mmapkit.report.text import explain
from mmapkit.setup import Wanted, coverage_lines, supply
from mmapkit.target import Target
from mmapkit.targets.regions import read_regions, read_small_regions, read_windows
from mmapkit.targets.subjects import Subject
from mmapkit.verdict import Finding, Outcome

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

ReadTarget = Callable[[Machine], Target]
MakeLab = Callable[[ReadTarget], Lab]

_RESULTS = pytest.StashKey[Path]()
_LABS = pytest.StashKey[list[Lab]]()
_SUPPLIES = pytest.StashKey[list[Machines]]()
_ACCOUNT = pytest.StashKey[Account]()
_REFUSALS = pytest.StashKey[list[str]]()

#: processes at most, where pytest-xdist is to choose: each has a machine
MOST_WORKERS = 4


def pytest_addoption(
    parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager
) -> None:
    pluginmanager.register(plugin_subjects)
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
        "--strict-grades",
        action="store_true",
        help="a warning is a failure: what is legal and bad practice",
    )
    group.addoption(
        "--results",
        metavar="DIR",
        type=Path,
        help="folder for console logs, journal and JUnit XML; default: a new one "
        "under results/",
    )


def register_profiles() -> None:
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
    # Something that is known to be wrong: what shows it soon is enough, and
    # --shrink takes over from hypothesis, which has no clock.
    settings.register_profile(
        "detection",
        common,
        derandomize=True,
        database=None,
        max_examples=200,
        phases=[Phase.explicit, Phase.generate],
    )
    # Other programs each time; those that failed are tried first the next time.
    settings.register_profile(
        "soak",
        common,
        max_examples=10_000,
        database=DirectoryBasedExampleDatabase(cache_dir() / "examples"),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )


def _results_folder(config: pytest.Config) -> Path:
    folder: Path | None = config.getoption("--results")
    if told := getattr(config, "workerinput", {}).get("memphys_results"):
        folder = Path(told)
    if folder is None:
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        folder = config.rootpath / "results" / f"{stamp}-{os.getpid()}"
    if folder.exists() and not folder.is_dir():
        err = MmapkitError(f"--results {folder}: is there, and is no folder")
        _give_up(config, err)
    return folder.resolve()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    register_profiles()
    if not config.getoption("--hypothesis-profile", None):
        settings.load_profile("gate")
    config.stash[_RESULTS] = _results_folder(config)
    if config.getoption("--machine") == "local" and _workers(config) > 1:
        _give_up(
            config, MmapkitError("--machine=local: one machine, one process: -n 0")
        )
    config.stash[_LABS] = []
    config.stash[_SUPPLIES] = []
    config.stash[_ACCOUNT] = Account()
    config.stash[_REFUSALS] = []
    # Our hook runs first: the reporter of pytest makes the file there.
    if not config.option.xmlpath and not config.option.collectonly:
        config.option.xmlpath = str(config.stash[_RESULTS] / "junit.xml")


def _worker(config: pytest.Config) -> str:
    """Return the name of this process among those of pytest-xdist; "" for none."""
    told: dict[str, Any] = getattr(config, "workerinput", {})
    return str(told.get("workerid", ""))


def _workers(config: pytest.Config) -> int:
    """Return how many processes pytest-xdist is to run the tests in."""
    return len(config.getoption("tx", None) or ())


def _say(config: pytest.Config, line: str) -> None:
    """Print a line at once, also from within a test."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    worker = _worker(config)
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        if reporter is not None and not worker:
            reporter.ensure_newline()
            reporter.write_line(line)
        elif worker:
            # Its output is the line to the process that talks to the user.
            sys.stderr.write(f"\n[{worker}] {line}\n")
            sys.stderr.flush()


def _give_up(config: pytest.Config, err: MmapkitError) -> NoReturn:
    if _worker(config):
        config.workeroutput["memphys_refused"] = str(err)  # type: ignore[attr-defined]
    pytest.exit(f"memphys: {err}", returncode=2)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes "-n auto" means; a machine of one's own is one."""
    if config.getoption("--machine") == "local":
        return 1
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: "WorkerController") -> None:
    """Tell a worker where the results of all of them are."""
    node.workerinput["memphys_results"] = str(node.config.stash[_RESULTS])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: "WorkerController", error: object) -> None:
    """Take over what a worker has done, or why it could not."""
    del error
    stash: pytest.Stash = node.config.stash
    told: dict[str, Any] = getattr(node, "workeroutput", {})
    if "memphys_refused" in told:
        stash[_REFUSALS].append(told["memphys_refused"])
    if "memphys_account" in told:
        stash[_ACCOUNT].add(told["memphys_account"])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    account = config.stash[_ACCOUNT]
    account.programs += sum(lab.programs for lab in config.stash[_LABS])
    account.machines += machines_of(config)
    for lab in config.stash[_LABS]:
        account.tally.merge(lab.tally)
    if _worker(config):
        config.workeroutput["memphys_account"] = account.packed()  # type: ignore[attr-defined]


def results_of(config: pytest.Config) -> Path:
    """Return the folder of this process's results."""
    return config.stash[_RESULTS] / _worker(config)


def labs_of(config: pytest.Config) -> list[Lab]:
    """Return the labs of this process."""
    return config.stash[_LABS]


def machines_of(config: pytest.Config) -> int:
    """Return how many machines this process has started."""
    return sum(own.started for own in config.stash[_SUPPLIES])


def late_of(config: pytest.Config) -> list[Finding]:
    """Return what machines have told at their end."""
    return [found for own in config.stash[_SUPPLIES] for found in own.found]


@pytest.fixture(scope="session")
def make_lab(pytestconfig: pytest.Config) -> Iterator[MakeLab]:
    """Return a maker of labs, each with machines of its own."""
    results = results_of(pytestconfig)
    _say(pytestconfig, f"results in {results}")
    wanted = Wanted(
        machine=pytestconfig.getoption("--machine"),
        kernel=pytestconfig.getoption("--kernel"),
        disposable=pytestconfig.getoption("--this-machine-is-disposable"),
        coverage=pytestconfig.getoption("--coverage"),
    )
    report = partial(_say, pytestconfig)
    strict: bool = pytestconfig.getoption("--strict-grades")
    try:
        machines = supply(wanted, results, report)
    except MmapkitError as err:
        _give_up(pytestconfig, err)

    labs = pytestconfig.stash[_LABS]
    journal = Journal(results / "journal.txt")

    def make(read: ReadTarget) -> Lab:
        own = machines.machines()
        pytestconfig.stash[_SUPPLIES].append(own)
        lab = Lab(
            own, after_modules(pytestconfig, read), journal, report, strict=strict
        )
        labs.append(lab)
        return lab

    yield make
    for lab in labs:
        lab.close()
    machines.close()
    machines.settle(pytestconfig.stash[_ACCOUNT])
    if late := late_of(pytestconfig):
        told = "\n\n".join("\n".join((f.title, *f.lines[1:])) for f in late)
        pytest.fail(f"told by machines at their end:\n{told}", pytrace=False)


def _booted(config: pytest.Config, lab: Lab) -> Lab:
    try:
        _ = lab.machine
    except MmapkitError as err:
        _give_up(config, err)
    return lab


@pytest.fixture(scope="session")
def lab(
    pytestconfig: pytest.Config, make_lab: MakeLab, subjects: tuple[Subject, ...]
) -> Lab:
    """The driver under test, on a machine."""
    read = partial(read_windows, subjects=subjects)
    return _booted(pytestconfig, make_lab(read))


@pytest.fixture(scope="session")
def regions(
    pytestconfig: pytest.Config, make_lab: MakeLab, subjects: tuple[Subject, ...]
) -> Lab:
    """The same on another machine, with a region for each pair it offers."""
    read = partial(read_regions, subjects=subjects)
    return _booted(pytestconfig, make_lab(read))


@pytest.fixture(scope="session")
def small_regions(
    pytestconfig: pytest.Config, make_lab: MakeLab, subjects: tuple[Subject, ...]
) -> Lab:
    """The same with small ones, for programs that take them away."""
    read = partial(read_small_regions, subjects=subjects)
    return _booted(pytestconfig, make_lab(read))


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    if op == "==" and isinstance(left, Outcome) and isinstance(right, Outcome):
        return explain(left, right)
    return None


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    refusals: list[str] = config.stash[_REFUSALS]
    for refusal in sorted(set(refusals)):
        terminalreporter.write_line(f"Exit: memphys: {refusal}")
    account = config.stash[_ACCOUNT]
    if not account.machines:
        return
    results = config.stash[_RESULTS]
    terminalreporter.section("memphys")
    terminalreporter.write_line(
        f"{account.programs} programs, {account.machines} machines; consoles and "
        f"journal in {results}"
    )
    for grade, lines in account.tally.grades().items():
        for line in lines:
            terminalreporter.write_line(f"{grade.value}: {line}")
    for line in coverage_lines(account, results):
        terminalreporter.write_line(line)
    if config.get_verbosity() > 0:
        for line in account.tally.lines():
            terminalreporter.write_line(line)
