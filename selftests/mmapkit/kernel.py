"""Kernels: the installed ones and build trees, and modules built for them."""

import bz2
import lzma
import os
import re
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zstandard

from mmapkit.build import cached, command, copy_sources
from mmapkit.errors import KernelError, MmapkitError


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel that can be booted, and that modules can be built for.

    headers is the folder for make -C; tree says that it is a build tree, whose
    modules have not been installed anywhere.
    """

    release: str
    image: Path
    headers: Path
    config: Path
    tree: bool = False

    def option(self, name: str) -> str:
        """Return the value of a configuration option, "" when it is not set."""
        match = re.search(
            rf"^CONFIG_{name}=(.*)$", self.config.read_text(), re.MULTILINE
        )
        return match[1] if match else ""


def _version_key(release: str) -> list[tuple[int, int | str]]:
    """Sort releases as people do: 6.12 is newer than 6.1."""
    parts = re.findall(r"\d+|[^\d]+", release)
    return [(1, int(p)) if p.isdigit() else (0, p) for p in parts]


def installed(root: Path = Path("/")) -> list[Kernel]:
    """Return the installed kernels that have headers, newest first."""
    found = []
    for headers in (root / "lib/modules").glob("*/build"):
        release = headers.parent.name
        image = root / "boot" / f"vmlinuz-{release}"
        config = root / "boot" / f"config-{release}"
        if headers.is_dir() and image.is_file() and config.is_file():
            found.append(Kernel(release, image, headers, config))
    return sorted(found, key=lambda k: _version_key(k.release), reverse=True)


def from_tree(tree: Path) -> Kernel:
    """Return the kernel of a build tree."""
    release = tree / "include/config/kernel.release"
    image = tree / "arch/x86/boot/bzImage"
    for path in (release, image, tree / ".config", tree / "Module.symvers"):
        if not path.is_file():
            raise KernelError(
                f"{tree}: no {path.relative_to(tree)}; build the kernel there first"
            )
    return Kernel(
        release.read_text().strip(), image, tree.resolve(), tree / ".config", True
    )


def find(wanted: str | None, root: Path = Path("/")) -> Kernel:
    """Return the kernel that --kernel asks for.

    None: the newest installed one. A path: a build tree. Else a release, or the
    beginning of one up to a dot or dash: "6.1" finds the newest 6.1.
    """
    if wanted is not None and (os.sep in wanted or Path(wanted).is_dir()):
        return from_tree(Path(wanted))
    kernels = installed(root)
    if wanted is not None:
        kernels = [
            k
            for k in kernels
            if k.release == wanted or re.match(rf"{re.escape(wanted)}[.+-]", k.release)
        ]
    if not kernels:
        raise KernelError(
            f"no installed kernel {wanted or ''} with headers: "
            "apt-get install linux-image-amd64 linux-headers-amd64, "
            "or name a build tree with --kernel=PATH"
        )
    return kernels[0]


# ------------------------------------------------------------------ images

_UNPACK: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", lambda data: zlib.decompressobj(31).decompress(data)),
    (b"\xfd7zXZ\0", lambda data: lzma.LZMADecompressor().decompress(data)),
    (b"\x5d\0\0", lambda data: lzma.LZMADecompressor().decompress(data)),
    (b"BZh", lambda data: bz2.BZ2Decompressor().decompress(data)),
    (
        b"\x28\xb5\x2f\xfd",
        lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    ),
)


def unpack(data: bytes) -> bytes:
    """Return what a compressed file holds; KernelError for an unknown kind.

    Bytes behind the compressed data are passed over.
    """
    for magic, decompress in _UNPACK:
        if data.startswith(magic):
            try:
                return decompress(data)
            except (zlib.error, lzma.LZMAError, OSError, zstandard.ZstdError) as err:
                raise KernelError(f"compressed data is damaged: {err}") from err
    raise KernelError("compressed in a way that is not known here")


def payload(image: bytes) -> bytes:
    """Return the compressed kernel inside a bzImage.

    Documentation/arch/x86/boot.rst: setup_sects at 0x1f1, "HdrS" at 0x202,
    payload_offset and payload_length at 0x248.
    """
    if image[0x202:0x206] != b"HdrS":
        raise KernelError("not a bzImage")
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    return image[start : start + length]


def uncompressed(kernel: Kernel) -> Path | None:
    """Return the kernel as an ELF file that starts through PVH, or None.

    That start is twice as fast as the bzImage's: nothing is unpacked under
    emulation. None: the kernel has no PVH entry, or is packed in a way that is
    not known here.
    """
    if kernel.option("PVH") != "y":
        return None
    if kernel.tree:
        vmlinux = kernel.headers / "vmlinux"
        return vmlinux if vmlinux.is_file() else None

    def make(folder: Path) -> None:
        (folder / "vmlinux").write_bytes(unpack(payload(kernel.image.read_bytes())))

    try:
        return cached("vmlinux", [kernel.image.read_bytes()], make) / "vmlinux"
    except KernelError:
        return None


# ----------------------------------------------------------------- modules

#: where a folder of modules that count lines has the sources and the .gcno
#: files, and the file that tells where they were when they were compiled
BUILD, BUILT_IN = "build", "built-in"


def module_chain(kernel: Kernel, *names: str) -> list[Path]:
    """Return the files of modules and of what they need, in loading order.

    What is built into the kernel does not appear.
    """
    files: list[Path] = []
    for name in names:
        if kernel.tree:
            option = name.upper()
            if kernel.option(option) != "y":
                raise KernelError(
                    f"{kernel.headers}: the test machine needs CONFIG_{option}=y"
                )
            continue
        told = command(["modprobe", "-S", kernel.release, "--show-depends", name])
        for line in told.splitlines():
            verb, _, rest = line.partition(" ")
            path = Path(rest.split()[0]) if verb == "insmod" else None
            if path is not None and path not in files:
                files.append(path)
    return files


def module_bytes(path: Path) -> bytes:
    """Return a module as the kernel takes it, uncompressed."""
    data = path.read_bytes()
    return data if path.suffix == ".ko" else unpack(data)


def kunit_modules(kernel: Kernel) -> list[Path]:
    """Return what tests inside of the kernel need to be loaded, in order."""
    if kernel.option("KUNIT") != "m":
        return []
    if kernel.tree:
        return [kernel.headers / "lib/kunit/kunit.ko"]
    return module_chain(kernel, "kunit")


def build_modules(kernel: Kernel, source: Path, *, coverage: bool = False) -> Path:
    """Build the modules of a folder with a Kbuild, and return where they are.

    They are built with W=1, and a warning is an error; debug information is
    stripped. kunit_modules() come along. coverage: they count what runs of them,
    for coverage.py, which finds what it needs in BUILD of the folder.
    """
    symbols = kernel.headers / "Module.symvers"
    needed = kunit_modules(kernel)
    if coverage and kernel.option("GCOV_KERNEL") != "y":
        raise KernelError(
            f"{kernel.release} does not count lines: no CONFIG_GCOV_KERNEL"
        )

    def make(folder: Path) -> None:
        # The name of the folder becomes part of files of the running kernel,
        # and those have to be short.
        with tempfile.TemporaryDirectory(prefix="mp-") as name:
            work = Path(name)
            copy_sources(source, work)
            told = _make_modules(kernel, work, coverage)
            for line in told.splitlines():
                if "warning:" in line:
                    raise KernelError(
                        f"the driver builds with a warning for {kernel.release}: {line}"
                    )
            for module in sorted(work.glob("*.ko")):
                command(["strip", "-g", "-o", folder / module.name, module])
            for module in needed:
                name = module.name.split(".")[0] + ".ko"
                (folder / name).write_bytes(module_bytes(module))
            if coverage:
                (folder / BUILT_IN).write_text(str(work))
                for pattern in ("*.[ch]", "*.gcno"):
                    for path in work.rglob(pattern):
                        copy = folder / BUILD / path.relative_to(work)
                        copy.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(path, copy)

    parts = (
        kernel.release,
        kernel.config.read_bytes(),
        symbols.read_bytes(),
        source,
        "coverage" if coverage else "",
    )
    return cached("modules", parts, make)


def _make_modules(kernel: Kernel, work: Path, coverage: bool) -> str:
    words: list[str | Path] = ["make", "-C", kernel.headers, f"M={work}", "W=1"]
    words += [f"-j{os.cpu_count() or 1}", "modules"]
    words += ["GCOV_PROFILE=y"] if coverage else []
    try:
        return command(words)
    except MmapkitError as err:
        raise KernelError(
            f"the driver does not build for {kernel.release}: {err}"
        ) from err
