"""Writes the table of Documentation/detection.rst from the results of a run.

python -m detection.table RESULTS... > Documentation/detection-table.inc
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from detection import peer
from detection.classes import BUGS, RIGHT, Bug
from mmapkit.targets.subjects import parse_subject

#: what is wrong in each class, and where it was, as far as that was read
CLASSES = {
    "A1": ("nothing is checked", "CVE-2013-6763, 7314e613d5ff"),
    "A2": ("the handler has no bound", "CVE-2023-2008"),
    "A3": ("the sum wraps", "CVE-2018-8781"),
    "A4": ("the rest is negative", "CVE-2024-56368"),
    "A5": ("one page more", "CVE-2024-46852"),
    "A6": ("mremap() makes it longer", "CVE-2024-46852"),
    "A7": ("more PTEs than the VMA has room for", "CVE-2026-64051"),
    "A8": ("the offset is forgotten", "CVE-2024-42259"),
    "A9": ("32 bits", ""),
    "A11": ("the error comes too late", "000c4f90e3f0"),
    "A13": ("no struct page", "CVE-2025-21778"),
    "A14": ("counted from where the VMA begins", ""),
    "B1": ("a page for a code: the question", ""),
    "B2": ("an errno for a code", "505886d50633"),
    "B3": ("NOPAGE without a PTE", ""),
    "B4": ("RETRY with the lock held", "0b10b945479c"),
    "B5": ("0 without a page", ""),
    "B6": ("a lie about the page lock", ""),
    "B7": ("the wrong call for the VMA", ""),
    "B8": ("frames in a mapping that copies", "CVE-2024-39497"),
    "B9": ("remap_pfn_range() in a handler", "6a45ece"),
    "B10": ("huge entries that do not fit", "09dfc8a5f2ce, c1d9dac0db16"),
    "B11": ("half a mapping that copies", ""),
    "C1": ("freed while it is mapped", "CVE-2024-0582"),
    "C3": ("no reference", ""),
    "C4": ("a reference too many", ""),
    "C5": ("splits are not counted", "CVE-2025-38563"),
    "C6": ("forks are not counted", "CVE-2026-23380"),
    "C7": ("not undone when mmap fails", "CVE-2025-38564"),
    "C12": ("the module may go", "7b07b040257c"),
    "C13": ("the state of a page stays", "3efc61d"),
    "C14": ("pages of a block", ""),
    "D1": ("mprotect() gives the right back", "CVE-2026-89793, f432a1621f04"),
    "D2": ("a constant for the protection", ""),
    "D6": ("core dumps read the device", "CVE-2021-47531"),
    "D7": ("frames for pages, and back", "CVE-2021-22543"),
    "E1": ("not zeroed", "518a2f1925c3"),
    "E2": ("slab memory", "0143d148d1e8"),
    "E3": ("another page", ""),
    "E4": ("another cache mode", "2bef9aed6f0e"),
    "E5": ("not counted", "1c1914d6e8c6"),
    "E6": (".access left out, or unbounded", "3886a86e7e6c"),
    "E8": ("anonymous memory instead", ""),
    "F1": ("a copy under the lock of the handler", "CVE-2023-52615, b01720bfcdf9"),
    "F2": ("locks in two orders", "b34e9a1"),
    "F3": ("mmap_lock taken again", ""),
    "F4": ("flags of a VMA in a handler", ""),
    "H": ("the handler does not come back", ""),
    "S": ("what two faults share", ""),
    "W": ("the kernel complains", ""),
}

Row = dict[str, str | int | float | list[str]]


#: what the peer says, in words; {} is why
PEER = {
    peer.PASSES: "passes",
    peer.SKIPS: "does not run",
    peer.FAILS: "fails",
    peer.DIES: "is killed",
    peer.HANGS: "does not end",
    peer.CRASHES: "takes the machine along",
}


def rows(folders: list[Path], file: str = "detection.jsonl") -> dict[str, Row]:
    """Return what runs have found, by the name of the bug; the first of each."""
    found: dict[str, Row] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"**/{file}")):
            for line in path.read_text().splitlines():
                row = json.loads(line)
                found.setdefault(row["name"], row)
    return found


def says(row: Row | None) -> str:
    """Return what the peer says of a bug."""
    if row is None:
        return ""
    what = PEER[str(row["verdict"])]
    if row["why"] and row["verdict"] != peer.CRASHES:
        what += f" ({row['why']})"
    if row["kernel"]:
        what += ", and the kernel complains"
    return f" ``pfnmap`` {what}."


def summary(found: dict[str, Row], told: dict[str, Row]) -> list[str]:
    """Return how many bugs were caught, here and by the peer."""
    if not told:
        return []
    right = [
        parse_subject(text).path.rpartition("/")[2] for row in RIGHT for text in row
    ]
    columns = [[bug.name for bug in BUGS if bug.name in told], right]

    def count(verdict: str) -> list[str]:
        return [
            str(sum(name in told and told[name]["verdict"] == verdict for name in c))
            for c in columns
        ]

    rows = [["``pfnmap``", "wrong", "right"]]
    rows += [[words, *count(verdict)] for verdict, words in PEER.items()]
    quiet = [
        name
        for name in columns[0]
        if told[name]["verdict"] in (peer.PASSES, peer.SKIPS)
    ]
    loud = sum(bool(told[name]["kernel"]) for name in quiet)
    lines = [
        f"This suite has caught {len(found)} of {len(BUGS)} bugs. Of those that "
        "need no debug",
        f"kernel, ``mm/pfnmap`` says nothing of {len(quiet)} of {len(columns[0])}; "
        f"while it ran, the kernel",
        f"complained of {loud} of them, which it does not read.",
        "",
    ]
    border = "  ".join("=" * size for size in (24, 6, 6))
    table = [f"{a:<24}  {b:<6}  {c:<6}".rstrip() for a, b, c in rows]
    return [*lines, border, table[0], border, *table[1:], border, ""]


def entry(bug: Bug, row: Row | None, told: Row | None = None) -> list[str]:
    """Return the lines of one bug."""
    title, reference = CLASSES[bug.bug]
    head = f"**{bug.bug}** ``{bug.name}``: {title}"
    head += f" ({reference})." if reference else "."
    lines = [head]
    if row is None:
        what = "The debug kernel shows it." if bug.debug else "Not seen in this run."
        return [*lines, f"    As ``{bug.kind}``. {what}{says(told)}", ""]
    test = str(row["test"]).partition("::")
    number = int(str(row["programs"]))
    lines += [
        f"    As ``{bug.kind}``. *{row['verdict']}*, by ``{test[0]}``,",
        f"    ``{test[2]}``, after {number} program{'s' * (number != 1)} in "
        f"{float(str(row['seconds'])):.0f} s.{says(told)} ::",
        "",
    ]
    program = row["program"]
    assert isinstance(program, list)
    return [*lines, *(f"        {line.rstrip()}" for line in program), ""]


def order(bugs: Sequence[Bug]) -> list[Bug]:
    """Return bugs by class."""
    return sorted(bugs, key=lambda bug: (bug.bug[0], int(bug.bug[1:] or 0)))


def main(words: list[str]) -> int:
    """Print the table."""
    folders = [Path(word) for word in words]
    found, told = rows(folders), rows(folders, peer.FILE)
    text = [".. Written by selftests/detection/table.py.", "", *summary(found, told)]
    for bug in order(BUGS):
        text += entry(bug, found.get(bug.name), told.get(bug.name))
    sys.stdout.write("\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
