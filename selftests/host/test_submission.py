"""The series for the kernel tree, from a repository and a tree of a few lines."""

import os
import re
import subprocess

import pytest

from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT
from mmapkit.submission import layout, mail, series

PERSON = mail.Person("Ada Sender", "sender@example.org")

MAIN_C = """\
static const struct memphys_method * const methods[] = {
	&memphys_remap_method,
	&memphys_huge_method,
};

void f(void)
{
	memphys_vma_set_ops(vma, &memphys_populated_vm_ops);
}
"""
MAKEFILE = """\
obj-$(CONFIG_MEMPHYS) += memphys.o
memphys-y += main.o
memphys-y += methods.o
memphys-y += methods_around.o

obj-$(CONFIG_MEMPHYS_FAULTY) += memphys_faulty.o
memphys_faulty-y += faulty/main.o
"""
HEADER = """\
int f(void);

/* methods.c: those that map PFNs. */
extern const struct memphys_method memphys_remap_method;
int memphys_pfn_flags(void);
"""
REPOSITORY = {
    "README.rst": "not for the tree\n",
    "driver/GNUmakefile": "modules:\n",
    "driver/Kbuild": "include $(src)/Makefile\n",
    "driver/Kconfig": "config MEMPHYS\n\tbool\n\nconfig MEMPHYS_FAULTY\n\tbool\n",
    "driver/MAINTAINERS": "MEMPHYS\nS:\tMaintained\nF:\tdrivers/misc/memphys/\n"
    "F:\ttools/testing/selftests/memphys/\n",
    "driver/Makefile": MAKEFILE,
    "driver/compat/compat.h": "#define KERNEL_VERSION\n",
    "driver/faulty/main.c": "int faulty;\n",
    "driver/main.c": MAIN_C,
    "driver/memphys.h": HEADER,
    "driver/methods.c": "int methods;\n",
    "driver/methods_around.c": "int around;\n",
    "driver/methods_page.c": "int page;\n",
    "driver/tests/x_kunit.c": "int kunit;\n",
    "driver/uapi/linux/memphys.h": "/* uapi */\n",
    "Documentation/driver.rst": "See ``driver/main.c``.\n\nKernels\n=======\n\nOld.\n",
    "Documentation/netlink/specs/memphys.yaml": "name: memphys\n",
    "selftests/Makefile": "TEST_PROGS := memphys_cases.sh\n"
    "TEST_PROGS += memphys_suite.sh\n",
    "selftests/config": "CONFIG_NET=y\n",
    "selftests/host/test_x.py": "x = 1\n",
    "selftests/memphys_cases.sh": "#!/bin/sh\n# SPDX-License-Identifier: MIT\n",
    "selftests/mmapkit/x.py": "x = 1\n",
}
TREE = {
    "Makefile": "VERSION = 9\nPATCHLEVEL = 8\nSUBLEVEL = 7\n",
    "MAINTAINERS": "Head\n\nAAA\nM:\tA <a@b>\n\nZZZ\nM:\tZ <z@b>\n",
    "Documentation/misc-devices/index.rst": ".. toctree::\n\n   lis\n   uacce\n",
    "drivers/misc/Kconfig": 'menu "Misc"\nsource "x"\nendmenu\n',
    "drivers/misc/Makefile": "obj-y += x.o\n",
    "tools/testing/selftests/Makefile": "TARGETS += lkdtm\nTARGETS += net\n",
}


def put(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def git(folder, *words):
    return subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@y", "-C", folder, *words],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def root(tmp_path):
    """A repository with a driver of a few lines."""
    folder = tmp_path / "root"
    put(folder, REPOSITORY)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    return folder


@pytest.fixture
def tree(tmp_path):
    """A kernel tree, as far as the series changes it."""
    folder = tmp_path / "tree"
    put(folder, TREE)
    return folder


@pytest.fixture
def patches(root, tree, tmp_path):
    return mail.write(root, tree, tmp_path / "out", PERSON)


@pytest.fixture
def states(tree, patches):
    """What files there are after each patch, by git am."""
    git(tree, "init", "-q")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "base")
    found = []
    for patch in patches[1:]:
        git(tree, "am", "-q", patch)
        names = git(tree, "ls-files").split()
        found.append({name: (tree / name).read_text() for name in names})
    return found


def test_files_lie_where_the_tree_wants_them(root):
    assert set(layout.lay(root)) == {
        "Documentation/misc-devices/memphys/driver.rst",
        "Documentation/netlink/specs/memphys.yaml",
        "drivers/misc/memphys/Kconfig",
        "drivers/misc/memphys/Makefile",
        "drivers/misc/memphys/faulty/main.c",
        "drivers/misc/memphys/main.c",
        "drivers/misc/memphys/memphys.h",
        "drivers/misc/memphys/methods.c",
        "drivers/misc/memphys/methods_around.c",
        "drivers/misc/memphys/methods_page.c",
        "drivers/misc/memphys/tests/x_kunit.c",
        "include/uapi/linux/memphys.h",
        "tools/testing/selftests/memphys/Makefile",
        "tools/testing/selftests/memphys/config",
        "tools/testing/selftests/memphys/memphys_cases.sh",
        "tools/testing/selftests/memphys/mmapkit/x.py",
    }


def test_driver_reads_as_if_there_were_no_older_kernels(root):
    text = layout.lay(root)["drivers/misc/memphys/main.c"].data.decode()
    assert "\tvma->vm_ops = &memphys_populated_vm_ops;\n" in text


@pytest.mark.parametrize("word", ["compat/", "LINUX_VERSION_CODE", "KERNEL_VERSION(1)"])
def test_driver_that_knows_older_kernels_is_refused(root, word):
    (root / "driver/main.c").write_text(f"/* {word} */\n")
    with pytest.raises(MmapkitError, match=re.escape(word[:12])):
        layout.lay(root)


def test_documentation_names_places_in_the_tree(root):
    text = layout.lay(root)["Documentation/misc-devices/memphys/driver.rst"].data
    assert text.decode() == (
        ".. SPDX-License-Identifier: GPL-2.0-only\n\n"
        "See ``drivers/misc/memphys/main.c``.\n"
    )


def test_source_that_is_quoted_has_no_blank_before_a_tab(root):
    (root / "Documentation/driver.rst").write_text(
        "Code::\n\n    int f(void)\n    \tx;\n"
    )
    text = layout.lay(root)["Documentation/misc-devices/memphys/driver.rst"].data
    assert text.decode().endswith("    int f(void)\n        x;\n")


def test_file_without_a_licence_gets_the_line(root):
    laid = layout.lay(root)
    suite = laid["tools/testing/selftests/memphys/mmapkit/x.py"]
    script = laid["tools/testing/selftests/memphys/memphys_cases.sh"]
    assert suite.data.startswith(b"# SPDX-License-Identifier: GPL-2.0-only\n")
    assert script.data.decode() == REPOSITORY["selftests/memphys_cases.sh"]
    assert script.executable


def test_file_that_no_patch_brings_is_refused(root, tree):
    files = {"somewhere/else.c": layout.File(b"")}
    with pytest.raises(MmapkitError, match=r"somewhere/else\.c"):
        list(series.steps(files, lambda name: TREE[name], "X\n", "A <a@b>"))


def test_patch_that_would_bring_nothing_is_refused(root, tree, tmp_path):
    (root / "driver/methods_page.c").unlink()
    with pytest.raises(MmapkitError, match="map pages with references: brings nothing"):
        mail.write(root, tree, tmp_path / "out", PERSON)


# ------------------------------------------------------------------ patches


def after(states, subject):
    """Return the files after the patch of a subject."""
    subjects = [part.subject for part in series.PARTS]
    return states[next(i for i, s in enumerate(subjects) if subject in s)]


def test_series_ends_with_all_files_as_they_read_in_the_tree(root, states):
    laid = {name: file.data.decode() for name, file in layout.lay(root).items()}
    assert {name: states[-1][name] for name in laid} == laid


def test_line_that_names_what_comes_later_comes_with_it(states):
    core = after(states, "regions of memory")
    first = after(states, "map PFNs")
    assert "_method,\n" not in core["drivers/misc/memphys/main.c"]
    assert "&memphys_remap_method,\n" in first["drivers/misc/memphys/main.c"]
    assert "&memphys_huge_method" not in first["drivers/misc/memphys/main.c"]


def test_paragraph_about_what_comes_later_comes_with_it(states):
    core = after(states, "regions of memory")
    assert core["drivers/misc/memphys/memphys.h"] == "int f(void);\n"
    assert "FAULTY" not in core["drivers/misc/memphys/Kconfig"]
    assert "FAULTY" in after(states, "wrong on purpose")["drivers/misc/memphys/Kconfig"]


def test_every_object_of_every_state_has_its_source(states):
    for files in states:
        makefile = files.get("drivers/misc/memphys/Makefile", "")
        for name in re.findall(r"-y \+= (\S+)\.o", makefile):
            assert f"drivers/misc/memphys/{name}.c" in files


def test_tree_learns_of_the_series(states):
    last = states[-1]
    assert last["drivers/misc/Kconfig"].endswith(
        'source "drivers/misc/memphys/Kconfig"\nendmenu\n'
    )
    assert "obj-$(CONFIG_MEMPHYS)\t\t+= memphys/\n" in last["drivers/misc/Makefile"]
    assert (
        "   lis\n   memphys/index\n   uacce\n"
        in (last["Documentation/misc-devices/index.rst"])
    )
    assert "TARGETS += memphys\n" in last["tools/testing/selftests/Makefile"]


def test_entry_of_maintainers_grows_with_the_files(states):
    def entry(files):
        return files["MAINTAINERS"].partition("MEMPHYS\n")[2].partition("\n\n")[0]

    assert "F:" not in entry(states[0])
    assert "drivers/misc/" in entry(after(states, "regions of memory"))
    assert entry(states[-1]) == (
        "M:\tAda Sender <sender@example.org>\nS:\tMaintained\n"
        "F:\tdrivers/misc/memphys/\nF:\ttools/testing/selftests/memphys/"
    )
    assert states[-1]["MAINTAINERS"].index("AAA") < states[-1]["MAINTAINERS"].index(
        "MEMPHYS"
    )


def test_sender_is_the_author_and_nobody_signs_for_him(patches):
    for patch in patches:
        text = patch.read_text()
        assert "From: Ada Sender <sender@example.org>" in text
        assert "Signed-off-by" not in text


def test_cover_letter_tells_what_it_is_based_on(patches):
    assert "Based on Linux 9.8.7." in patches[0].read_text()


def test_messages_are_no_wider_than_a_mail_likes(patches):
    for patch in patches[1:]:
        message = patch.read_text().partition("\n---\n")[0]
        assert max(map(len, message.splitlines()[4:])) <= 75


def test_tree_is_only_read(tree, patches):
    there = {str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file()}
    assert there == set(TREE)
    assert all((tree / name).read_text() == text for name, text in TREE.items())


def test_folder_that_is_no_kernel_is_refused(root, tmp_path):
    with pytest.raises(MmapkitError, match="not the source of a kernel"):
        mail.write(root, tmp_path, tmp_path / "out", PERSON)


def test_folder_with_something_in_it_is_not_written_to(root, tree, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(MmapkitError, match="is not empty"):
        mail.write(root, tree, tmp_path / "out", PERSON)


def test_sender_without_a_name_is_told_what_to_type(root, monkeypatch):
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME", raising=False)
        monkeypatch.delenv(f"GIT_{role}_EMAIL", raising=False)
    git(root, "config", "user.useConfigOnly", "true")
    with pytest.raises(MmapkitError, match=r"git config --global user\.name"):
        mail.sender(root)


def test_every_file_of_this_repository_has_its_patch():
    laid = layout.lay(ROOT)
    parts = [part.files for part in series.PARTS]
    lost = [name for name in laid if not any(re.fullmatch(p, name) for p in parts)]
    assert lost == []
