"""Measures how fast the kit is, prints a table, and keeps it as JSON."""

import argparse
import os
import shlex
import sys
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

from bench.measure import Bench
from bench.table import render, to_json
from mmapkit.errors import MmapkitError
from mmapkit.setup import ROOT, Wanted, supply


def _run() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    add = parser.add_argument
    add("--kernel", metavar="VERSION|PATH", help="kernel to boot; as for pytest")
    add("--repeat", metavar="N", type=int, default=5, help="samples of each; default 5")
    add("--json", metavar="PATH", type=Path, help="default: in a folder of results/")
    options = parser.parse_args()
    if options.repeat < 1:
        parser.error("--repeat is at least 1")

    note = partial(print, file=sys.stderr, flush=True)
    date = datetime.now().astimezone()
    load = os.getloadavg()[0]
    results = ROOT / "results" / f"bench-{date:%Y%m%d-%H%M%S}-{os.getpid()}"
    with closing(supply(Wanted(kernel=options.kernel), results, note)) as machines:
        bench = Bench(machines, results / "journal.txt", options.repeat, note)
        with bench.lab() as lab:
            about = {
                "kernel": lab.machine.hello.release,
                "machine": lab.machine.title,
                "host": f"{os.cpu_count()} CPUs, load {load:.1f} before",
                "date": date.isoformat(sep=" ", timespec="seconds"),
                "command": shlex.join(sys.orig_argv),
            }
            groups = bench.on_one_machine(lab)
        groups += bench.on_fresh_machines()
    (options.json or results / "bench.json").write_text(to_json(about, groups))
    print(render(about, groups), end="")


def main() -> int:
    """Return the exit code: 2 when it cannot be done, 130 after Ctrl-C."""
    try:
        _run()
    except MmapkitError as err:
        print(f"bench: {err}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
