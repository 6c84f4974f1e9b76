"""Command line: writes the series."""

import argparse
import sys
from pathlib import Path

from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT
from mmapkit.submission import mail


def main() -> int:
    """Return 0, or 2 when the series cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m mmapkit.submission",
        description="Write the project as a series of patches for the kernel.",
    )
    parser.add_argument("--tree", type=Path, required=True, help="source of a kernel")
    parser.add_argument("--output", type=Path, default=Path("patches"), help="folder")
    args = parser.parse_args()
    try:
        patches = mail.write(ROOT, args.tree, args.output, mail.sender(ROOT))
    except (MmapkitError, OSError) as err:
        sys.stderr.write(f"memphys: {err}\n")
        return 2
    sys.stdout.write("".join(f"{patch}\n" for patch in patches))
    return 0


if __name__ == "__main__":
    sys.exit(main())
