"""What a virtual machine boots: the agent, and the initramfs around it."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from mmapkit.build import cached, command, copy_sources
from mmapkit.kernel import Kernel, module_bytes, module_chain


def build_agent(source: Path) -> Path:
    """Build the agent and return its file."""

    def make(folder: Path) -> None:
        work = folder / "build"
        copy_sources(source, work)
        command(["make", "-C", work, f"-j{os.cpu_count() or 1}"])
        command(["strip", "-o", folder / "agent", work / "agent"])
        shutil.rmtree(work)

    return cached("agent", [source], make) / "agent"


def _packed(root: Path) -> bytes:
    """Return an archive of all that is in a folder."""
    names = [".", *sorted(str(p.relative_to(root)) for p in root.rglob("*"))]
    pack = ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"]
    text = "\n".join(names).encode()
    return subprocess.run(
        pack, cwd=root, input=text, stdout=subprocess.PIPE, check=True
    ).stdout


def build_initrd(kernel: Kernel, agent: Path, modules: Path) -> Path:
    """Pack the agent, the modules that its port needs, and the built modules."""
    chain = module_chain(kernel, "virtio_pci", "virtio_console")

    def make(folder: Path) -> None:
        root = folder / "root"
        for name in ("dev", "proc", "sys", "tmp", "modules"):
            (root / name).mkdir(parents=True)
        shutil.copy(agent, root / "init")
        boot = []
        for path in chain:
            name = path.name.split(".")[0] + ".ko"
            (root / "modules" / name).write_bytes(module_bytes(path))
            boot.append(f"/modules/{name}\n")
        (root / "modules" / "boot").write_text("".join(boot))
        for path in modules.glob("*.ko"):
            shutil.copy(path, root / "modules")
        (folder / "initrd").write_bytes(_packed(root))
        shutil.rmtree(root)

    parts: list[bytes | str | Path] = [agent.read_bytes(), kernel.release]
    for path in [*chain, *sorted(modules.glob("*.ko"))]:
        parts += [path.name, path.read_bytes()]
    return cached("initrd", parts, make) / "initrd"


def add_cases(
    initrd: Path, cases: Iterable[Path], modules: Iterable[str], folder: Path
) -> Path:
    """Write an initramfs for a replay into a folder, which is empty; return it.

    initrd is what build_initrd() has made. Its agent finds the cases in /cases, and
    loads modules before it runs them: their names, with options. An archive may
    follow on another, and its files take the place of those (initramfs in
    Documentation/driver-api/early-userspace/).
    """
    root = folder / "root"
    for name in ("cases", "modules"):
        (root / name).mkdir(parents=True)
    for path in cases:
        shutil.copy(path, root / "cases")
    words = map(str.split, modules)
    lines = [" ".join((f"/modules/{name}.ko", *options)) for name, *options in words]
    (root / "modules" / "boot").write_text("".join(f"{line}\n" for line in lines))
    return _followed(initrd, root, folder)


def add_file(initrd: Path, file: Path, folder: Path) -> Path:
    """Write an initramfs with one more file, in its root; as add_cases()."""
    root = folder / "root"
    root.mkdir()
    shutil.copy(file, root)
    return _followed(initrd, root, folder)


def _followed(initrd: Path, root: Path, folder: Path) -> Path:
    file = folder / "initrd"
    file.write_bytes(initrd.read_bytes() + _packed(root))
    return file
