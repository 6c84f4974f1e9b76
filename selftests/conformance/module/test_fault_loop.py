"""A task that faults at one address over and over: who listens is told, once.

The pages of fault-page can be thrown away, so that the next load faults again.
"""

import re
from itertools import pairwise

import pytest

from mmapkit.control import Backing, Control, Events, FaultLoop
from mmapkit.grammar import parse_program
from mmapkit.verdict import Data

CHUNK = 256

#: which process this is, and where it has mapped the region
SELF = """
open f0 /dev/memphys/r0 rdwr
mmap m0 f0 off=0 len=0x4000 prot=r flags=shared
open f1 /proc/self/stat rdonly
open f2 /proc/self/maps rdonly
pread f1 off=0 len=32
""" + "".join(f"pread f2 off={n * CHUNK} len={CHUNK}\n" for n in range(24))


def touches(pages, task="p0"):
    """Return the lines of a load that faults, for each page in turn."""
    return "".join(
        f"{task}: load m0+{page * 0x1000 + 8:#x} 4\n"
        f"{task}: madvise m0+{page * 0x1000:#x} dontneed len=0x1000\n"
        for page in pages
    )


@pytest.fixture
def watch(own, load):
    """Run lines with a limit; returns events and counters, and who it was where."""

    def watch(limit, lines):
        assert load(f"fault_loop={limit}") == "ok"
        machine = own.machine
        with Control(machine) as control, Events(machine) as events:
            control.region_new("r0", Backing.PAGES, "fault-page", 0x4000)
            assert events.next(5) is not None
            outcome = machine.run(parse_program(SELF + lines))
            wrong = [r for r in outcome.results if not str(r).startswith("ok")]
            assert wrong == []
            told = []
            while (event := events.next(0)) is not None:
                told.append(event)
            counters = control.region("r0").counters
            control.region_del("r0")
        stat, *maps = (r.data.decode() for r in outcome.results if isinstance(r, Data))
        (start,) = re.findall(r"(?m)^([0-9a-f]+)-.*/dev/memphys/r0$", "".join(maps))
        return told, counters, int(stat.split()[0]), int(start, 16)

    return watch


#: the limit, the pages that fault, and the events: page and number of faults
LOOPS = {
    "one less than the limit": (5, [2] * 4, []),
    "as many as the limit": (5, [2] * 5, [(2, 5)]),
    "many more than the limit": (5, [2] * 23, [(2, 5)]),
    "another address between": (5, [2] * 4 + [1] + [2] * 4, []),
    "two addresses in turn": (5, [0, 1] * 9, []),
    "one address after the other": (5, [3] * 6 + [0] * 5, [(3, 5), (0, 5)]),
    "a loop that comes again": (5, [1] * 5 + [2] + [1] * 5, [(1, 5), (1, 5)]),
    "every first fault": (1, [0, 1, 1, 0], [(0, 1), (1, 1), (0, 1)]),
    "nothing at all": (0, [2] * 23, []),
}


@pytest.mark.parametrize("what", LOOPS)
def test_loop_is_told_when_the_limit_is_reached(watch, what):
    """So many faults in a row of a task at an address are an event: driver.rst.

    Guards: none, the driver's own watch is asked.
    """
    limit, pages, due = LOOPS[what]
    told, counters, pid, start = watch(limit, touches(pages))
    assert told == [
        FaultLoop("r0", start + page * 0x1000, pid, count) for page, count in due
    ]
    assert counters.faults == len(pages)
    again = sum(page == last for last, page in pairwise(pages))
    assert counters.repeats == again


def test_faults_of_two_tasks_are_no_loop(watch):
    """Each takes as many as are none, by itself and in turn.

    Guards: none, the driver's own watch is asked.
    """
    child = touches([2] * 4, "p1")
    turns = "".join(touches([1]) + touches([1], "p1") for _ in range(3))
    told, counters, *_ = watch(5, "fork p1\n" + touches([2] * 4) + child + turns)
    assert told == []
    assert counters.faults == 14
