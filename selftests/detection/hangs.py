"""What goes wrong at a fault, in every way: what has to be told of it, and how soon.

python -m detection.hangs RESULTS... > Documentation/hangs-table.inc

One row a kind of trouble. test_hangs.py runs them, and leaves hangs.jsonl behind.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmapkit.verdict import Verdict

#: where the rows of a run are, in its results folder
FILE = "hangs.jsonl"

_MAP = """\
open f0 /dev/memphys/{method} rdwr
mmap m0 f0 off=arena len=0x6000 prot=rw flags=shared
{access}
"""

#: memory of nobody, the faults of which the program answers itself
_ANSWERED = """\
mmap m0 - len=0x4000 prot=rw flags=private
userfault m0 {answer}
{access}
"""

STORE = "store m0+0x5000 4 0xa5"
TO_USER = "poke m0+0x5000 data=0102030405060708 via=read"
FROM_USER = "peek m0+0x5000 len=8 via=write"
GUP = "peek m0+0x5000 len=8 via=readv"
GUP_FAST = "peek m0+0x5000 len=8 via=splice"

#: each processor has one to spin on
_EVERYWHERE = "\n".join(
    (
        "fork p1\nfork p2\nfork p3\ntogether",
        *(f"p{task}: load m0+{task:#x}000 4" for task in range(4)),
        "end",
    )
)

#: ms of the agent's own deadlines, and what its watch sleeps: agent/watch.c
TRIED, WAITED = 700, 1300


@dataclass(frozen=True, slots=True)
class Hang:
    """A way to go wrong.

    text: the program. at: the operation that is told, any one of several, or None.
    within: milliseconds on a machine of scale 1 until the agent told it, None where
    it is gone by then. evidence: patterns by its key. findings:
    patterns of their titles, one each; console: a pattern of what the kernel
    says, asked by NMI or not.
    """

    name: str
    text: str
    verdicts: tuple[Verdict, ...]
    within: int | None = None
    at: tuple[int, ...] = (2,)
    evidence: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    console: str = ""


def _hang(
    name: str, method: str, access: str, verdict: Verdict, within: int, **evidence: str
) -> Hang:
    """Return a row about one access to a mapping."""
    evidence = {"address": r"m0\+0x5000", **evidence}
    text = _MAP.format(method=method, access=access)
    return Hang(name, text, (verdict,), within, evidence=evidence)


def _answered(name: str, answer: str, access: str, **evidence: str) -> Hang:
    text = _ANSWERED.format(answer=answer, access=access.replace("5000", "1000"))
    evidence = {"address": r"m0\+0x1000", "faults": _FEW, **evidence}
    verdict = Verdict.RETRY_LOOP if answer == "wake" else Verdict.HANG
    return Hang(name, text, (verdict,), WAITED, evidence=evidence)


_LOOP, _HANG, _UNKILLABLE = Verdict.RETRY_LOOP, Verdict.HANG, Verdict.UNKILLABLE
_FEW, _MANY = r"\d{1,2}", r"\d{4,}"
_OFTEN = r"\d{2,}"

#: after each of them the next program has to come out right
HANGS = (
    # Handlers that have mm try again.
    _hang("NOPAGE, from user mode", "nopage", STORE, _LOOP, TRIED, faults=_MANY),
    _hang("NOPAGE, the question", "original", STORE, _LOOP, TRIED, faults=_MANY),
    _hang("NOPAGE, read(2)", "nopage", TO_USER, _UNKILLABLE, TRIED, faults=_MANY),
    _hang("NOPAGE, write(2)", "nopage", FROM_USER, _UNKILLABLE, TRIED, faults=_MANY),
    _hang("NOPAGE, GUP", "original", GUP, _LOOP, TRIED, faults=_MANY),
    _hang("NOPAGE, GUP-fast", "original", GUP_FAST, _LOOP, TRIED, faults=_MANY),
    Hang(
        "NOPAGE, MAP_POPULATE",
        _MAP.format(method="original", access="load m0 4").replace(
            "shared", "shared,populate"
        ),
        (_LOOP,),
        TRIED,
        at=(1,),
        evidence={"faults": _MANY},
    ),
    _hang("RETRY, from user mode", "retry", STORE, _LOOP, TRIED, faults=_FEW),
    _hang("RETRY, read(2)", "retry", TO_USER, _LOOP, TRIED, faults=_FEW),
    _hang("RETRY, write(2)", "retry", FROM_USER, _LOOP, TRIED, faults=_FEW),
    _hang("RETRY, GUP", "retry-page", GUP, _LOOP, TRIED, faults=_FEW),
    _hang("RETRY, GUP-fast", "retry-page", GUP_FAST, _LOOP, TRIED, faults=_FEW),
    _hang("OOM, from user mode", "oom", STORE, _LOOP, TRIED, faults=_FEW),
    # No module has anything to do with it.
    _answered("userfaultfd, from user mode", "wake", STORE, wakes=_OFTEN),
    _answered("userfaultfd, read(2)", "wake", TO_USER, wakes=_OFTEN),
    _answered("userfaultfd, write(2)", "wake", FROM_USER, wakes=_OFTEN),
    _answered("userfaultfd, GUP", "wake", GUP, wakes=_OFTEN),
    _answered(
        "userfaultfd, nobody answers",
        "none",
        STORE,
        wchan="handle_userfault",
        wakes="0",
    ),
    # Handlers that wait, or spin.
    _hang(
        *("sleeps, and can be killed", "sleep", STORE, _HANG, WAITED),
        state="[SD]",
        stack=".*faulty_sleep_fault.*",
        wakes="0",
    ),
    _hang(
        *("sleeps, and cannot", "stuck", STORE, _UNKILLABLE, WAITED),
        state="D",
        stack=".*faulty_stuck_fault.*",
        wchan=r"\w*(wait|schedule|fault)\w*",
    ),
    _hang(
        *("deadlock on a page lock", "locked", STORE, _UNKILLABLE, WAITED),
        state="D",
        stack=".*folio_(lock|wait_bit).*",
    ),
    Hang(
        "spins",
        _MAP.format(method="spin", access=STORE),
        (_UNKILLABLE,),
        TRIED,
        evidence={"state": "R"},
        console="faulty_spin_fault",
    ),
    Hang(
        "spins with interrupts off",
        _MAP.format(method="deaf", access=STORE),
        # The processor may be the one that is to carry the agent's words.
        (_UNKILLABLE, Verdict.LOST),
        WAITED,
        console="faulty_deaf_fault",
    ),
    Hang(
        "the same on all processors",
        _MAP.format(method="deaf", access=_EVERYWHERE),
        (Verdict.LOST,),
        at=(5, 6, 7, 8),
        evidence={"end": ".*silent", "nmi": ".*faulty_deaf_fault.*"},
        console="NMI backtrace for cpu",
    ),
    # Ends of the program, of the machine.
    Hang(
        "a process is killed",
        _MAP.format(method="killed", access=STORE),
        (Verdict.KILLED,),
        TRIED,
        evidence={"signal": "SIGKILL"},
    ),
    Hang(
        "oops",
        _MAP.format(method="oops", access=STORE),
        (Verdict.PANIC,),
        findings=("NULL pointer dereference", "panic"),
    ),
    Hang(
        "panic",
        _MAP.format(method="panic", access=STORE),
        (Verdict.PANIC,),
        findings=("Kernel panic - not syncing: memphys_faulty: the end",),
    ),
    Hang(
        "reset, without a word",
        _MAP.format(method="reset", access=STORE),
        (Verdict.LOST,),
        evidence={"end": ".*the agent is gone"},
    ),
    Hang(
        "noise, and a warning in it",
        _MAP.format(method="noisy", access="fill m0"),
        (Verdict.SPLAT,),
        findings=("WARNING: ",) * 6,
        console="noise 49: no BUG: and no WARNING: of anything",
    ),
)


def row_of(seconds: float, told: Mapping[str, str], hang: Hang, verdict: str) -> str:
    """Return a line of FILE."""
    keys = ("waited_ms", "address", "faults", "wakes", "cpu_ms", "state", "wchan")
    kept = {key: told[key] for key in keys if key in told}
    row = {"name": hang.name, "verdict": verdict, "seconds": seconds, **kept}
    return json.dumps(row) + "\n"


def table(rows: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the lines of the table; rows: of FILE, by name."""
    lines = [".. Written by selftests/detection/hangs.py.", "", ".. list-table::"]
    lines += ["   :header-rows: 1", ""]
    head = ("what", "verdict", "ms", "seconds", "faults", "wakes", "state")
    keys = ("name", "verdict", "waited_ms", "seconds", "faults", "wakes", "state")
    found = [rows[hang.name] for hang in HANGS if hang.name in rows]
    for cells in (head, *([str(row.get(key, "")) for key in keys] for row in found)):
        for number, cell in enumerate(cells):
            lines.append(f"   {' ' if number else '*'} - {cell}".rstrip())
    return [*lines, ""]


def main(words: list[str]) -> int:
    """Print the table."""
    rows = {}
    for word in words:
        for line in (Path(word) / FILE).read_text().splitlines():
            row = json.loads(line)
            rows[row["name"]] = row
    sys.stdout.write("\n".join(table(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
