"""The part of the pytest plugin that knows what the claims of a run are about."""

from collections.abc import Callable

import pytest

from mmapkit.errors import MachineError, MmapkitError
from mmapkit.machine import Machine
from mmapkit.target import Target
from mmapkit.targets.subjects import Subject, parse_subject

_SUBJECTS = pytest.StashKey[tuple[Subject, ...]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("memphys")
    group.addoption(
        "--module",
        metavar="'NAME ARGS'",
        action="append",
        default=[],
        help="load a module beside the driver, on each machine",
    )
    group.addoption(
        "--subject",
        metavar="NAME[:KIND[:window|own]]",
        action="append",
        default=[],
        help="claims are about this method, or /dev/..., which has to do as the method "
        "KIND of the driver; window: there is a node of its name that shows all of "
        "memory; own: each mapping of the device has memory of its own; default: all "
        "that the driver offers",
    )


def pytest_configure(config: pytest.Config) -> None:
    texts = config.getoption("--subject")
    try:
        config.stash[_SUBJECTS] = tuple(map(parse_subject, texts))
    except MmapkitError as err:
        pytest.exit(f"memphys: {err}", returncode=2)


def subjects_of(config: pytest.Config) -> tuple[Subject, ...]:
    """Return what the claims are about; nothing: all that the driver offers."""
    return config.stash[_SUBJECTS]


@pytest.fixture(scope="session")
def subjects(pytestconfig: pytest.Config) -> tuple[Subject, ...]:
    """What the claims are about; nothing: all that the driver offers."""
    return subjects_of(pytestconfig)


def after_modules(
    config: pytest.Config, read: Callable[[Machine], Target]
) -> Callable[[Machine], Target]:
    """Return what loads the modules on a machine before its target is read."""
    modules: list[str] = config.getoption("--module")

    def read_after(machine: Machine) -> Target:
        for module in modules:
            name, _, args = module.partition(" ")
            answer = machine.insmod(name, args)
            if answer != "ok":
                raise MachineError(f"--module {module}: {answer}")
        return read(machine)

    return read_after
