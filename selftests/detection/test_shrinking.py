"""A program of 30 operations on a method that is wrong shrinks to its cause.

On a real machine: most of the operations have to do with other things, and what is
left has large arguments.
"""

import pytest

from mmapkit.grammar import parse_program
from mmapkit.shrink import alarming, shrink
from mmapkit.text import format_program

#: seconds; much more than is needed
ENOUGH = 120

BEFORE = """
open f0 /dev/memphys/{method} {mode}
open f1 /dev/memphys/remap rdwr
mmap m1 f1 off=arena+0x3000 len=0x9000 prot=rw flags=private
fill m1 len=0x4800 seed=7
fork p1
p1: digest m1+0x1000 len=0x3000
p1: mprotect m1+0x2000 len=0x2000 prot=r
p1: store m1+0x2ff8 8 0x1122334455667788
p1: load m1+0x5004 4
memfd f2 0x6000
mmap m2 f2 off=0x1000 len=0x5000 prot=rw flags=shared
store m2+0xff9 4 0xdeadbeef
munmap m1+0x4000 len=0x2000
mmap m0 f0 off=arena+0x7000 len=0x1f000 prot={prot} flags=shared
"""

AFTER = """
madvise m2+0x1000 dontneed len=0x2000
p1: digest m2 order=backward
wait p1
load m1+0x7ffc 4
mremap m2 m2 len=0x5000 new=0x7000 flags=maymove
peek m2+0x800 len=16
mlock m1 len=0x3000
munlock m1 len=0x3000
pread f1 off=arena+0x3000 len=0x200
close f1
mincore m2 len=0x3000
munmap m2
digest m1 len=0x2000
munmap m1
close f0
"""

WRITE = "mprotect m0+0x5000 len=0xa000 prot=rw"
READ = "load m0+0x1d9f8 8"

CAUSES = {
    # Everything shows it that is mapped.
    ("relative", "rdwr", "rw", READ): [
        "open f0 /dev/memphys/relative rdwr",
        "mmap m0 f0 off=arena len=0x1000 prot=rw flags=shared",
        "load m0 8",
    ],
    # Only what is open for reading alone, and mapped so.
    ("maywrite", "rdonly", "r", WRITE): [
        "open f0 /dev/memphys/maywrite rdonly",
        "mmap m0 f0 off=arena len=0x1000 prot=r flags=shared",
        "mprotect m0 prot=rw",
    ],
}


@pytest.mark.parametrize(("bug", "cause"), CAUSES.items(), ids=lambda key: key[0][:8])
def test_program_of_30_operations_shrinks_to_its_cause(faulty, bug, cause):
    method, mode, prot, line = bug
    text = f"{BEFORE}{line}{AFTER}".format(method=method, mode=mode, prot=prot)
    program = parse_program(text)
    assert len(program) == 30
    outcome = faulty.run(program)
    assert alarming(outcome)
    program, outcome = shrink(faulty.run, program, outcome, ENOUGH)
    assert alarming(outcome)
    assert format_program(program).splitlines() == cause
