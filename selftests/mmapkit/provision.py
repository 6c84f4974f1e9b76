"""System packages: what is missing, and installing it where that is allowed.

bindep.txt lists them and the bindep package reads it. On an apt machine root
gets what is missing installed; anybody else gets the one line to type.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mmapkit.build import follow
from mmapkit.errors import MmapkitError, ProvisionError

#: set to "no", this variable of the environment forbids any installing
SWITCH = "MEMPHYS_INSTALL"

Report = Callable[[str], None]


def missing(bindep_file: Path, profile: str) -> list[str]:
    """Return the packages of a profile that are not installed, sorted."""
    argv = [sys.executable, "-m", "bindep", "-b", "-f", str(bindep_file), profile]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    # 1: some are missing, and listed.
    if done.returncode not in (0, 1) or done.stderr.strip():
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise ProvisionError(f"bindep: {reason[-1] if reason else done.returncode}")
    return sorted(done.stdout.split())


def install_line(packages: Sequence[str]) -> str:
    """Return the command that installs packages, as a person types it."""
    return "apt-get install --no-install-recommends " + " ".join(packages)


def may_install() -> bool:
    """Tell whether packages may be installed here without asking."""
    return (
        os.geteuid() == 0
        and shutil.which("apt-get") is not None
        and os.environ.get(SWITCH) != "no"
    )


def _apt(arguments: Sequence[str], report: Report) -> None:
    argv = ["apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0", *arguments]
    report(f"+ {' '.join(argv)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        follow(argv, lambda line: report(f"  {line}"), environment=environment)
    except MmapkitError as err:
        last = str(err).splitlines()[-1]
        raise ProvisionError(f"{' '.join(argv)} failed: {last}") from err


def install(packages: Sequence[str], report: Report) -> None:
    """Install packages, or say what to type: ProvisionError."""
    if not packages:
        return
    if not may_install():
        raise ProvisionError(f"packages are missing; as root: {install_line(packages)}")
    report(f"memphys: installing {len(packages)} packages: {' '.join(packages)}")
    _apt(["update"], report)
    _apt(["install", "--no-install-recommends", *packages], report)


def ensure(bindep_file: Path, profile: str, report: Report) -> None:
    """See to it that the packages of a profile are there."""
    install(missing(bindep_file, profile), report)
