"""Finding kernels, and taking images and modules apart."""

import gzip
import lzma
import struct
from dataclasses import replace

import pytest
import zstandard

from mmapkit import kernel
from mmapkit.errors import KernelError, MmapkitError


@pytest.fixture
def root(tmp_path):
    """A root file system with kernels; one has no headers, one no image."""

    def add(release, *, headers=True, image=True):
        modules = tmp_path / "lib/modules" / release
        modules.mkdir(parents=True)
        if headers:
            (modules / "build").mkdir()
        if image:
            (tmp_path / "boot").mkdir(exist_ok=True)
            (tmp_path / "boot" / f"vmlinuz-{release}").touch()
            config = tmp_path / "boot" / f"config-{release}"
            config.write_text(
                "CONFIG_PVH=y\n# CONFIG_KASAN is not set\nCONFIG_HZ=250\n"
            )

    add("6.1.0-9-amd64")
    add("6.1.0-56-amd64")
    add("6.12.3+deb12-amd64")
    add("6.13.0-amd64", headers=False)
    add("6.14.0-amd64", image=False)
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "release"),
    [
        (None, "6.12.3+deb12-amd64"),
        ("6.1", "6.1.0-56-amd64"),
        ("6.12", "6.12.3+deb12-amd64"),
        ("6.1.0-9", "6.1.0-9-amd64"),
        ("6.1.0-9-amd64", "6.1.0-9-amd64"),
    ],
)
def test_kernel_is_found_by_its_version(root, wanted, release):
    assert kernel.find(wanted, root).release == release


@pytest.mark.parametrize("wanted", ["6", "5.10", "6.13.0", "6.14", "6.1.0-5"])
def test_kernel_that_is_not_there_is_refused_with_what_to_do(root, wanted):
    if wanted == "6":
        assert kernel.find(wanted, root).release == "6.12.3+deb12-amd64"
        return
    with pytest.raises(KernelError, match="apt-get install"):
        kernel.find(wanted, root)


def test_option_is_read_from_the_configuration(root):
    found = kernel.find("6.1", root)
    assert found.option("PVH") == "y"
    assert found.option("HZ") == "250"
    assert found.option("KASAN") == ""


def test_build_tree_is_taken_by_its_path(tmp_path):
    for name in ("include/config/kernel.release", "arch/x86/boot/bzImage"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("7.3.0\n")
    for name in (".config", "Module.symvers"):
        (tmp_path / name).touch()
    found = kernel.find(str(tmp_path))
    assert (found.release, found.tree) == ("7.3.0", True)


def test_tree_that_is_not_built_is_refused(tmp_path):
    with pytest.raises(KernelError, match="build the kernel there first"):
        kernel.find(f"{tmp_path}/")


PACKED = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "zstd": zstandard.ZstdCompressor().compress,
}


def image(payload):
    """Return a bzImage of three setup sectors with a payload."""
    data = bytearray(4 * 512 + 16)
    data[0x1F1] = 3
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", data, 0x248, 16, len(payload))
    return bytes(data) + payload + b"behind it"


@pytest.mark.parametrize("kind", PACKED)
def test_kernel_is_unpacked_from_its_image(kind):
    # An image ends with the length of what it holds.
    payload = PACKED[kind](b"the kernel" * 1000) + struct.pack("<I", 10000)
    assert kernel.unpack(kernel.payload(image(payload))) == b"the kernel" * 1000


def test_other_files_are_no_images():
    with pytest.raises(KernelError, match="not a bzImage"):
        kernel.payload(b"\x7fELF" + bytes(1000))
    with pytest.raises(KernelError, match="not known"):
        kernel.unpack(b"plain")
    with pytest.raises(KernelError, match="damaged"):
        kernel.unpack(gzip.compress(b"x" * 1000)[:2] + b"rubbish")


def test_module_is_read_whatever_it_is_packed_by(tmp_path):
    for suffix, data in ((".ko", b"ELF"), (".ko.xz", lzma.compress(b"ELF"))):
        file = tmp_path / f"module{suffix}"
        file.write_bytes(data)
        assert kernel.module_bytes(file) == b"ELF"


@pytest.fixture
def fake(root, tmp_path, monkeypatch):
    """A kernel whose build prints what it is told to."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = kernel.find("6.1", root)
    (found.headers / "Module.symvers").touch()
    source = tmp_path / "source"
    source.mkdir()
    (source / "Kbuild").write_text("obj-m += x.o\n")

    def build(recipe):
        (found.headers / "Makefile").write_text(f"modules:\n\t{recipe}\n")
        (source / "x.c").write_text(f"/* {recipe} */\n")
        return kernel.build_modules(found, source)

    return build


def test_module_that_builds_with_a_warning_is_refused(fake):
    with pytest.raises(KernelError, match=r"builds with a warning .*x\.c:1: warning"):
        fake("@echo 'x.c:1: warning: unused'")


def test_module_that_does_not_build_is_refused_with_the_reason(fake):
    with pytest.raises(KernelError, match="error: no such thing"):
        fake("@echo 'x.c:1: error: no such thing'; false")


@pytest.mark.parametrize("value", ["", "CONFIG_KUNIT=y\n"])
def test_kernel_whose_kunit_is_no_module_needs_none(root, value):
    found = kernel.find("6.1", root)
    found.config.write_text(value)
    assert kernel.kunit_modules(found) == []


def test_module_of_kunit_comes_along(fake, root, monkeypatch):
    found = kernel.find("6.1", root)
    found.config.write_text("CONFIG_KUNIT=m\n")
    packed = root / "kunit.ko.xz"
    packed.write_bytes(lzma.compress(b"ELF"))
    monkeypatch.setattr(kernel, "module_chain", lambda *_: [packed])
    folder = fake("@true")
    assert (folder / "kunit.ko").read_bytes() == b"ELF"


def test_module_of_kunit_is_found_in_a_build_tree(root):
    found = replace(kernel.find("6.1", root), tree=True)
    found.config.write_text("CONFIG_KUNIT=m\n")
    assert kernel.kunit_modules(found) == [found.headers / "lib/kunit/kunit.ko"]


def test_build_is_done_once(fake, tmp_path):
    recipe = f"@echo again >> {tmp_path}/count"
    assert fake(recipe) == fake(recipe)
    assert (tmp_path / "count").read_text() == "again\n"


def test_command_that_fails_says_so():
    from mmapkit.build import command

    with pytest.raises(MmapkitError, match="failed with 3"):
        command(["sh", "-c", "exit 3"])
    with pytest.raises(MmapkitError, match="is it installed"):
        command(["no-such-command-anywhere"])
