"""Static checks of the C in this repository; tox -e lint runs it.

The driver builds with W=1, under sparse, for every kernel that has headers
here, without a word; driver and agent pass checkpatch.pl --strict of the newest
kernel source package, and kernel-doc. What checkpatch says of kernel code only
is not asked of the agent, which is a program of user space. What is generated
from the spec of the control plane is what that package's generator makes of it.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import spec
from mmapkit import provision
from mmapkit.build import cached, command, copy_sources
from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT

SCRIPTS = (
    "scripts/checkpatch.pl",
    "scripts/const_structs.checkpatch",
    "scripts/kernel-doc",
    "scripts/spelling.txt",
)

# Where the C is that is checked: in these folders and those below.
ROOMS = ("driver", "selftests/agent")

# Folder, and the types of message that do not apply there, with the reason.
IGNORED: dict[str, tuple[str, ...]] = {
    # Of user space: there are no u64, BIT() and __printf; what one process
    # writes and another reads is volatile; PRIx64 is libc's; checkpatch reads
    # "f(void) __attribute__" as a declaration without a name.
    "selftests/agent": (
        *("BIT_MACRO", "CAMELCASE", "FUNCTION_ARGUMENTS", "PREFER_KERNEL_TYPES"),
        *("PREFER_DEFINED_ATTRIBUTE_MACRO", "VOLATILE"),
    ),
    # The one place that knows kernel versions; it is not submitted.
    "driver/compat": ("CONSTANT_COMPARISON", "CONST_STRUCT", "LINUX_VERSION_CODE"),
    # It defines EXPORT_SYMBOL_IF_KUNIT(), as nothing where there is no KUnit.
    "driver/compat/kunit": ("EXPORT_SYMBOL", "MACRO_ARG_UNUSED"),
}


def kernel_scripts() -> Path:
    """Return a folder with the scripts of the newest kernel source package.

    They are where they are in a kernel tree.
    """
    packages = sorted(
        Path("/usr/src").glob("linux-source-*.tar.xz"),
        key=lambda path: [int(n) for n in path.name[13:-7].split(".")],
    )
    if not packages:
        raise MmapkitError(
            "no kernel source package: apt-get install linux-source-6.12"
        )
    package = packages[-1]
    stat = package.stat()

    def make(folder: Path) -> None:
        with tarfile.open(package) as archive:
            for member in archive:
                name = member.name.partition("/")[2]
                wanted = name in SCRIPTS or spec.is_needed(name)
                if wanted and (file := archive.extractfile(member)):
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(file.read())

    state = f"{stat.st_size} {stat.st_mtime}"
    return cached("scripts", [package.name, state, *spec.GENERATORS], make)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def folders() -> list[Path]:
    """Return the folders that have C, sorted."""
    return sorted(
        {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.[ch]")}
    )


def files_of(folder: Path) -> list[Path]:
    """Return the C files that lie right in a folder."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".c", ".h"))


def findings_of(argv: list[str | Path]) -> list[str]:
    """Run a checker and return what it prints, which is what it found."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if line.strip()]


def patch_findings(scripts: Path, folder: Path, ignored: tuple[str, ...]) -> list[str]:
    """Return what checkpatch.pl says of the files of a folder."""
    argv: list[str | Path] = ["perl", scripts / "scripts/checkpatch.pl", "--no-tree"]
    argv += ["--strict", "--terse", "--show-types", "--quiet", "--no-summary"]
    if ignored:
        argv += ["--ignore", ",".join(ignored)]
    return [
        line
        for path in files_of(folder)
        for line in findings_of([*argv, "-f", path])
        if not line.startswith("total: 0 errors, 0 warnings, 0 checks")
    ]


def comment_findings(scripts: Path, folder: Path) -> list[str]:
    """Return what kernel-doc says of the files of a folder."""
    kernel_doc = scripts / "scripts/kernel-doc"
    return findings_of(["perl", kernel_doc, "-none", *files_of(folder)])


def build_findings(headers: Path, source: Path) -> list[str]:
    """Return the warnings of a build with W=1 and sparse."""
    jobs = f"-j{os.cpu_count() or 1}"
    with tempfile.TemporaryDirectory() as work:
        copy_sources(source, Path(work))
        told = command(
            ["make", "-C", headers, f"M={work}", "W=1", "C=1", jobs, "modules"]
        )
    return [line for line in told.splitlines() if "warning:" in line]


def spec_findings(scripts: Path, text: str) -> list[str]:
    """Return in what way generated files are not what the text of a spec makes."""
    return spec.drift(spec.generate(scripts, text), ROOT)


# One mistake for each check: no checker may pass over its own.
WRONG = """\
// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

/**
 * wrong_add() - adds
 * @b: there is no such argument
 */
int wrong_add(int a);
int wrong_add(int a)
{
  return a;
}

static int __user *wrong_pointer(int *p)
{
	int unused = 1;

	return p;
}

int wrong_call(int *p)
{
	return wrong_pointer(p) != NULL;
}

MODULE_LICENSE("GPL");
"""


def prove(scripts: Path, headers: Path) -> list[str]:
    """See that each checker finds what is wrong; return those that do not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "wrong.c").write_text(WRONG)
        (folder / "Kbuild").write_text("obj-m := wrong.o\n")
        built = "\n".join(build_findings(headers, folder))
        wrong_spec = (ROOT / spec.SPEC).read_text().replace("value: 31", "value: 32")
        blind = {
            "checkpatch": not patch_findings(scripts, folder, ()),
            "kernel-doc": not comment_findings(scripts, folder),
            "gcc W=1": "unused" not in built,
            "sparse": "different address spaces" not in built,
            "the spec": not spec_findings(scripts, wrong_spec),
        }
    return [name for name, is_blind in blind.items() if is_blind]


def check() -> int:
    """Run every check and print what it finds; return the number of findings."""
    provision.ensure(ROOT / "bindep.txt", "lint", say)
    scripts = kernel_scripts()
    headers = sorted(
        path.parent for path in Path("/lib/modules").glob("*/build/Makefile")
    )
    if not headers:
        raise MmapkitError("no kernel headers: apt-get install linux-headers-amd64")

    found = {
        f"W=1 and sparse, {build.parent.name}": build_findings(build, ROOT / "driver")
        for build in headers
    }
    found["checkpatch.pl --strict"] = [
        line
        for folder in folders()
        for line in patch_findings(
            scripts, folder, IGNORED.get(str(folder.relative_to(ROOT)), ())
        )
    ]
    found["kernel-doc"] = [
        line for folder in folders() for line in comment_findings(scripts, folder)
    ]
    found["generated from the spec"] = spec_findings(
        scripts, (ROOT / spec.SPEC).read_text()
    )
    found["checkers that see nothing"] = prove(scripts, headers[0])
    for title, lines in found.items():
        say(f"{title}: {len(lines)}")
        for line in lines:
            say(f"  {line}")
    return sum(map(len, found.values()))


def main() -> int:
    """Return 0, 1 when there are findings, 2 when checks could not be run."""
    try:
        return 1 if check() else 0
    except MmapkitError as err:
        say(f"memphys: {err}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
