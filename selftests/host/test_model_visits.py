"""What the model leaves open of the kernel's own access, and what it does not."""

from dataclasses import replace

import pytest

from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.target import Node
from mmapkit.verdict import Data, Errno

from .test_model import TARGET, results

PAGED = Node("/dev/paged", "fault-page", pages=True)
WITH_PAGES = replace(TARGET, nodes=(*TARGET.nodes, PAGED))

STORED = bytes.fromhex("8877665544332211")
BEGINNING = (
    "open f0 /dev/{} rdwr\nmmap m0 f0 off=arena len=0x2000 prot={} flags={}\n"
    "store m0+0xff8 8 0x1122334455667788\n"
)


SPLICE = "peek m0+0xff8 len=8 via=splice"
BOTH = "peek m0+0xff8 len=16 via=splice"

# Node, protection, sharing, call; then what is allowed, the due one first.
OPEN = {
    "pages that may be written and not read": (
        *("paged", "w", "shared", SPLICE),
        (Errno("EFAULT"), Data(STORED)),
    ),
    "a private copy in I/O memory": (
        *("fault", "rw", "private", SPLICE),
        (Data(STORED), Errno("EFAULT")),
    ),
    "a private copy, and no page behind it": (
        *("fault", "rw", "private", BOTH),
        (Data(STORED), Errno("EFAULT")),
    ),
    "pages": ("paged", "rw", "shared", SPLICE, (Data(STORED),)),
    "PFNs": ("fault", "rw", "shared", SPLICE, (Errno("EFAULT"),)),
    "a private copy that is asked for by its VMA": (
        *("fault", "rw", "private", SPLICE.replace("splice", "readv")),
        (Errno("EFAULT"),),
    ),
    "nothing is allowed": (
        *("paged", "rw", "private", "mprotect m0 prot=none\n" + SPLICE),
        (Errno("EFAULT"),),
    ),
}


@pytest.mark.parametrize("case", OPEN)
def test_spliced_pages_are_those_that_some_kernel_takes(case):
    node, prot, flags, call, allowed = OPEN[case]
    program = parse_program(f"{BEGINNING.format(node, prot, flags)}{call}\n")
    due = Model(WITH_PAGES).run(program).results
    assert due[-1] == allowed[0]
    for result in (
        *(Data(STORED), Data(STORED[:-1]), Data(STORED + bytes(8))),
        *(Data(bytes(8)), Errno("EFAULT"), Errno("EIO")),
    ):
        told = (*due[:-1], result)
        found, *_ = Model(WITH_PAGES).expect(program).nearest(told)
        assert (found.results == told) == (result in allowed)


@pytest.mark.parametrize(
    "call", ["peek m0 len=8 via=readv", "poke m0 data=00 via=writev"]
)
def test_kernel_without_cross_memory_says_so(call):
    old = replace(WITH_PAGES, traits=replace(TARGET.traits, cross_memory=False))
    program = parse_program(f"{BEGINNING.format('paged', 'rw', 'shared')}{call}\n")
    assert Model(old).run(program).results[-1] == Errno("ENOSYS")


@pytest.mark.parametrize("way", ["mem", "write", "readv", "ptrace", "splice"])
def test_nobody_knows_what_lies_beside_a_mapping_that_has_moved(way):
    program = parse_program(
        "mmap m0 - len=0x1000 prot=rw flags=private\n"
        "mmap m1 - len=0x1000 prot=rw flags=private\n"
        "mremap m0 m0 len=0x1000 new=0x2000 flags=maymove\n"
        "mremap m1 m1 len=0x1000 new=0x1000 flags=maymove,dontunmap\n"
        f"peek m1+0x1000 len=8 via={way}\n"
    )
    with pytest.raises(ModelError, match="far away"):
        Model(TARGET).run(program)


# A file is read into a mapping: what is asked for, and what comes of it.
INTO = {
    "a page and a half": ("pread f0 off=arena+0x3000 len=0x1800 at=m0+0x800", "0x1800"),
    "onto itself": ("pread f0 off=arena+0x800 len=0x1000 at=m0+0x800", "0x1000"),
    "nothing": ("pread f0 off=arena len=0 at=m0", "0x0"),
    "up to a hole": ("pread f0 off=arena+0x3000 len=0x2000 at=m0+0x1000", "0x1000"),
}


@pytest.mark.parametrize("case", INTO)
def test_file_that_is_read_into_a_mapping_is_there(case):
    call, count = INTO[case]
    start = "open f0 /dev/fault rdwr\nmmap m0 f0 off=arena len=0x2000 prot=rw "
    for flags in ("shared", "private"):
        told = results(f"{start}flags={flags}\n{call}\ndigest m0+0x1000 len=0x800")
        assert told[2] == f"ok {count}"
        plain = results(f"{start}flags={flags}\ndigest m0+0x1000 len=0x800")
        assert (told[3] == plain[2]) == (case in ("onto itself", "nothing"))


@pytest.mark.parametrize(
    ("call", "due"),
    [
        ("pread f0 off=arena len=8 at=m0+0x2000", "EFAULT"),
        ("pread f0 off=arena len=8 at=m1", "void"),
        ("pread f1 off=arena len=8 at=m0", "EBADF"),
        ("pread f0 off=end len=8 at=m0+0x2000", "EINVAL"),
    ],
    ids=["no page", "no mapping", "no file", "no bytes"],
)
def test_file_that_is_not_read_into_a_mapping_is_an_error(call, due):
    told = results(
        "open f0 /dev/fault rdwr\nmmap m0 f0 off=arena len=0x2000 prot=rw "
        f"flags=shared\n{call}"
    )
    assert told[2] == due


@pytest.mark.parametrize(
    "call",
    [
        "pread f0 off=arena+0x10 len=0x100 at=m0",
        "pread f0 off=arena+0x4000 len=8 at=m0+0x1ffc",
    ],
    ids=["onto some of itself", "half a page"],
)
def test_nobody_knows_what_a_copy_into_itself_or_a_hole_leaves(call):
    with pytest.raises(ModelError, match="pread: "):
        results(
            "open f0 /dev/fault rdwr\nmmap m0 f0 off=arena len=0x2000 prot=rw "
            f"flags=shared\n{call}"
        )
