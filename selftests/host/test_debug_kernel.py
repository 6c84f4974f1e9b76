"""The kernel that looks for trouble: its configuration holds or is refused."""

import pytest

from mmapkit import debug_kernel, source
from mmapkit.errors import KernelError
from mmapkit.setup import DEBUG_CONFIG
from mmapkit.source import Package, Source

CONFIG = """\
#
# Automatically generated
#
CONFIG_KASAN=y
CONFIG_HZ=100
CONFIG_LOCALVERSION="-debug"
# CONFIG_UBSAN_TRAP is not set
"""


def test_options_are_read_as_kconfig_writes_them():
    assert debug_kernel.options(CONFIG) == {
        "KASAN": "y",
        "HZ": "100",
        "LOCALVERSION": '"-debug"',
        "UBSAN_TRAP": "n",
    }


@pytest.mark.parametrize("line", ["CONFIG_KASAN", "KASAN=y", "CONFIG_KASAN =y"])
def test_line_that_is_no_option_is_refused(line):
    with pytest.raises(KernelError, match="not a line"):
        debug_kernel.options(line)


@pytest.mark.parametrize(
    ("wanted", "lost"),
    [
        ("CONFIG_KASAN=y\n", []),
        ('CONFIG_LOCALVERSION="-debug"\n', []),
        ("# CONFIG_UBSAN_TRAP is not set\n", []),
        ("# CONFIG_NEVER_HEARD_OF is not set\n", []),
        ("CONFIG_LOCKDEP=y\n", ["CONFIG_LOCKDEP=y is n"]),
        ("# CONFIG_KASAN is not set\n", ["CONFIG_KASAN=n is y"]),
        ("CONFIG_HZ=250\n", ["CONFIG_HZ=250 is 100"]),
    ],
)
def test_option_that_did_not_survive_is_named(wanted, lost):
    assert debug_kernel.lost(wanted, CONFIG) == lost


def test_fragments_of_the_repository_are_readable_and_do_not_contradict():
    first, second = (debug_kernel.options(path.read_text()) for path in DEBUG_CONFIG)
    assert not first.keys() & second.keys()
    assert first["VIRTIO_CONSOLE"] == "y"
    assert second["KASAN"] == second["PROVE_LOCKING"] == "y"


# A source whose make knows all options but CONFIG_GONE, and builds in no time.
MAKEFILE = """\
allnoconfig:
	grep -v CONFIG_GONE $(KCONFIG_ALLCONFIG) > $(O)/.config
bzImage:
	mkdir -p $(O)/arch/x86/boot $(O)/include/config
	echo 9.9.9-debug > $(O)/include/config/kernel.release
	touch $(O)/Module.symvers $(O)/arch/x86/boot/bzImage
	@grep -q BREAK $(O)/.config && { echo 'x.c:1: error: broken'; exit 1; } || true
	echo built >> $(CURDIR)/log
modules where:
	@echo at $(KBUILD_OUTPUT)
"""


@pytest.fixture
def origin(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "linux"
    folder.mkdir()
    (folder / "Makefile").write_text(MAKEFILE)
    found = Source(Package("linux-source-9.9", "9.9.9-1"), folder)
    monkeypatch.setattr(source, "fetch", lambda report: found)
    return folder


@pytest.fixture
def fragment(tmp_path):
    path = tmp_path / "config"
    path.write_text("CONFIG_KASAN=y\n")
    return path


def test_kernel_is_built_once_for_a_configuration(origin, fragment):
    kernel = debug_kernel.build([fragment], print)
    assert kernel.release == "9.9.9-debug"
    assert kernel.tree
    assert kernel.option("KASAN") == "y"
    assert debug_kernel.build([fragment], print) == kernel
    fragment.write_text("CONFIG_KASAN=y\nCONFIG_UBSAN=y\n")
    assert debug_kernel.build([fragment], print).headers != kernel.headers
    assert (origin / "log").read_text().split() == ["built", "built"]


def test_tree_knows_where_it_has_moved_to(origin, fragment):
    tree = debug_kernel.build([fragment], print).headers
    assert debug_kernel.command(["make", "-s", "-C", tree, "where"]).split() == [
        "at",
        str(tree),
    ]


def test_option_that_the_source_lacks_is_an_error(origin, fragment):
    fragment.write_text("CONFIG_KASAN=y\nCONFIG_GONE=y\n")
    with pytest.raises(KernelError, match=r"CONFIG_GONE=y is n; see .*config"):
        debug_kernel.build([fragment], print)


def test_build_that_fails_tells_why(origin, fragment):
    fragment.write_text("CONFIG_BREAK=y\n")
    with pytest.raises(KernelError, match=r"x\.c:1: error: broken"):
        debug_kernel.build([fragment], print)
    assert not list((origin.parent / "cache/memphys").glob("*debug*[!kw]"))


def test_progress_is_told_now_and_then(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(debug_kernel.time, "monotonic", lambda: now[0])
    said = []
    progress = debug_kernel._Progress(said.append)
    for second in range(32):
        now[0] = float(second)
        progress.line(f"  CC      mm/file{second}.o")
    assert said == [
        "    15 s, step 16: CC mm/file15.o",
        "    30 s, step 31: CC mm/file30.o",
    ]
