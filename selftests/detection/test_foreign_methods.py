"""Methods of another module: the driver has an eye on them."""

import re

from mmapkit.control import Backing, Control, Events, FaultLoop
from mmapkit.files import read_text
from mmapkit.grammar import parse_program
from mmapkit.verdict import Data, Verdict

CHUNK = 256
MAPS = "".join(f"pread f2 off={n * CHUNK} len={CHUNK}\n" for n in range(24))

PROGRAM = f"""
open f0 /dev/memphys/looping rdwr
mmap m0 f0 off=0 len=0x4000 prot=r flags=shared
open f1 /proc/self/stat rdonly
open f2 /proc/self/maps rdonly
pread f1 off=0 len=32
{MAPS}
load m0+0x2010 4
load m0 4
"""


def test_loop_is_told_with_its_address_and_its_task(faulty):
    machine = faulty.machine
    limit = int(read_text(machine, "/sys/module/memphys/parameters/fault_loop"))
    with Control(machine) as control, Events(machine) as events:
        control.region_new("looping", Backing.PAGES, "nopage", 0x4000)
        before = events.next(1)
        outcome = machine.run(parse_program(PROGRAM))
        told = events.next(5)
        more = events.next(0)
        counters = control.region("looping").counters

    assert outcome.verdict is Verdict.RETRY_LOOP
    assert outcome.stopped_at == len(outcome.results) - 2

    stat, *maps = (r.data.decode() for r in outcome.results if isinstance(r, Data))
    pid = int(stat.split()[0])
    (start,) = re.findall(r"(?m)^([0-9a-f]+)-.*/dev/memphys/looping$", "".join(maps))
    assert before is not None
    assert told == FaultLoop("looping", int(start, 16) + 0x2000, pid, limit)
    assert more is None
    assert counters.repeats == counters.faults - 1 >= limit - 1
