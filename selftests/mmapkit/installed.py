"""The suite where kselftest has put it: nothing is built there, all is there already.

make install leaves the agent as a program beside the kit; the modules are those of
the kernel that runs.
"""

from pathlib import Path

from mmapkit.build import cached
from mmapkit.errors import KernelError
from mmapkit.kernel import module_bytes

#: what the Makefile of the selftests calls the agent
AGENT = "memphys_agent"


def agent(suite: Path) -> Path | None:
    """Return the agent that is installed with a suite; None: it is not."""
    file = suite / AGENT
    return file if file.is_file() else None


def modules(release: str, root: Path = Path("/")) -> Path:
    """Return a folder with the driver's modules of a kernel, as it takes them.

    KernelError when it has none.
    """
    home = root / "lib/modules" / release
    found = {path.name: path for path in sorted(home.rglob("memphys*.ko*"))}
    if not any(name.startswith("memphys.ko") for name in found):
        raise KernelError(f"{home}: no memphys.ko; the kernel needs CONFIG_MEMPHYS=m")

    def make(folder: Path) -> None:
        for name, path in found.items():
            (folder / f"{name.partition('.')[0]}.ko").write_bytes(module_bytes(path))

    parts = [part for name, path in found.items() for part in (name, path.read_bytes())]
    return cached("installed", [release, *parts], make)
