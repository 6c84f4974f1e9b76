"""Makes the generated C of the control plane from its spec, or checks it.

The kernel's own generator does it (tools/net/ynl), of 6.12 or later:

    python selftests/spec.py --tree KERNEL_SOURCE [--check]
"""

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT

SPEC = "Documentation/netlink/specs/memphys.yaml"

# What is made of it, and how the generator is asked for it.
FILES = {
    "driver/uapi/linux/memphys.h": ("uapi", "--header"),
    "driver/netlink_gen.c": ("kernel", "--source"),
    "driver/netlink_gen.h": ("kernel", "--header"),
}

# Where the generator is: from 6.14 on, and before.
GENERATORS = ("tools/net/ynl/pyynl/ynl_gen_c.py", "tools/net/ynl/ynl-gen-c.py")

# Generators differ in whether they write this line, and in nothing else here.
HINT = "/* To regenerate run:"

#: seconds; it takes less than one
PATIENCE = 60


def is_needed(name: str) -> bool:
    """Tell whether the generator needs a file of a kernel tree, by its path."""
    folder, _, file = name.rpartition("/")
    if folder == "Documentation/netlink":
        return file.endswith(".yaml")
    return name.startswith("tools/net/ynl/") and file.endswith(".py")


def _copy_generator(tree: Path, to: Path) -> Path:
    """Copy what the generator needs; return the generator."""
    for folder in ("Documentation/netlink", "tools/net/ynl"):
        for path in (tree / folder).rglob("*"):
            name = str(path.relative_to(tree))
            if is_needed(name):
                (to / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to / name)
    for name in GENERATORS:
        if (to / name).is_file():
            return to / name
    raise MmapkitError(f"{tree}: no {GENERATORS[0]}; 6.12 is the first that will do")


def generate(tree: Path, spec: str) -> dict[str, str]:
    """Return what the generator of a kernel tree makes of the text of a spec."""
    with tempfile.TemporaryDirectory() as name:
        # It looks upwards for the root of a kernel tree, and never gives up.
        work = Path(name).resolve()
        (work / "MAINTAINERS").touch()
        generator = _copy_generator(tree, work)
        (work / SPEC).parent.mkdir(parents=True)
        (work / SPEC).write_text(spec)
        made = {}
        for file, (mode, what) in FILES.items():
            out = work / Path(file).name
            argv = [sys.executable, generator, "--spec", SPEC, "--mode", mode, what]
            done = subprocess.run(
                [*argv, "-o", out],
                cwd=work,
                env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            if done.returncode or not out.is_file():
                lines = (done.stderr + done.stdout).strip().splitlines() or ["nothing"]
                raise MmapkitError(f"{SPEC}: the generator said: {lines[-1]}")
            made[file] = out.read_text()
        return made


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(HINT)]


def drift(made: dict[str, str], root: Path) -> list[str]:
    """Return in what way the files under root are not what was made."""
    found = []
    for file, text in made.items():
        there = (root / file).read_text() if (root / file).is_file() else ""
        lines = difflib.unified_diff(
            _lines(there), _lines(text), file, SPEC, lineterm="", n=0
        )
        found += lines
    return found


def main() -> int:
    """Return 0, 1 when files are not what the spec makes, 2 when it is unknown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True, help="a kernel source tree")
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args()
    try:
        made = generate(args.tree, (ROOT / SPEC).read_text())
    except MmapkitError as err:
        sys.stderr.write(f"memphys: {err}\n")
        return 2
    found = drift(made, ROOT)
    if args.check:
        sys.stdout.write("".join(f"{line}\n" for line in found))
        return 1 if found else 0
    for file in made if found else ():
        (ROOT / file).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / file).write_text(made[file])
        sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
