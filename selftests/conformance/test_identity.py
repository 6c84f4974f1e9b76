"""Which pages are behind a mapping, who counts them, and what they cost to reach.

The PFNs behind a mapping are the object's, in order, and a private copy is none of
them. No page is free, a page table or of a slab that it should not be of. A
mapping of pages counts in RSS and mapcount, a mapping of PFNs does not (guards
against bug classes A2, C1, C3, C5, C6, and a method in the wrong column).

A VMA of VM_PFNMAP tells no PFNs; there the lazy private mapping of the same
method, which is VM_MIXEDMAP, has to do, and the bytes.
"""

import pytest

from mmapkit.grammar import parse_program
from mmapkit.targets.regions import HUGE_SIZE, SIZE
from mmapkit.verdict import Words

LOOKS = "pagemap {m}\nkpageflags {m}\nkpagecount {m}\nsmaps {m}\n"


def looks(*maps, task="p0"):
    lines = "".join(LOOKS.format(m=m) for m in maps).splitlines()
    return "".join(f"{task}: {line}\n" for line in lines)


OPEN = "open f0 {node} rdwr\n"
SHARED = "mmap m0 f0 off=0x1000 len=0x6000 prot=rw flags=shared\n"
PRIVATE = "mmap m1 f0 off=0x1000 len=0x6000 prot=rw flags=private\n"
ROOM = "mmap m2 - len=0x10000 prot=none flags=private,noreserve\n"

CLAIMS = {
    "nothing is there before it is touched, or all": (
        OPEN + SHARED + PRIVATE + looks("m0", "m1") + "load m0+0x2000 4\n"
        "load m1+0x3000 4\n" + looks("m0", "m1")
    ),
    "two mappings at different offsets show the same pages": (
        OPEN
        + PRIVATE
        + "mmap m2 f0 off=0x3000 len=0x3000 prot=r flags=private\n"
        + "digest m2\ndigest m1 order=backward\n"
        + looks("m1", "m2")
    ),
    "a copy is no page of the object, and stays where it is": (
        OPEN + SHARED + PRIVATE + "store m1+0x1ffc 8 1\ndigest m1\ndigest m0\n"
        "pagemap m1\nstore m1+0x1000 4 2\nload m1+0x5000 1\n" + looks("m0", "m1")
    ),
    "a copy is shared after a fork until somebody stores": (
        OPEN
        + PRIVATE
        + "load m1 4\nfill m1+0x1000 len=0x2000 seed=3\nfork p1\n"
        + looks("m1")
        + looks("m1", task="p1")
        + "p1: store m1+0x1000 4 7\np1: load m1+0x4000 1\n"
        + looks("m1", task="p1")
        + "store m1+0x1000 4 8\nstore m1+0x3000 4 8\n"
        + looks("m1")
        + "wait p1\nstore m1+0x2000 1 1\n"
        + looks("m1")
    ),
    "a shared page is the same in a child": (
        OPEN
        + SHARED
        + "load m0 4\nfork p1\n"
        + looks("m0", task="p1")
        + "p1: digest m0\nstore m0+0x1000 4 7\n"
        + looks("m0", task="p1")
        + looks("m0")
        + "p1: munmap m0+0x1000 len=0x2000\n"
        + looks("m0")
        + "wait p1\n"
        + looks("m0")
    ),
    "the rest of a mapping that has lost its head is where it was": (
        OPEN + SHARED + PRIVATE + "munmap m0 len=0x2000\nmunmap m1 len=0x2000\n"
        "smaps m0+0x2000\npagemap m1\nload m0+0x2000 4\nstore m1+0x3000 4 1\n"
        "digest m1+0x2000\nmunmap m1+0x4000 len=0x1000\n"
        + looks("m1", "m0")
        + "smaps m1+0x2000\nsmaps m1+0x5000\nload m0+0x5000 1\n"
        + looks("m1")
    ),
    "protection splits a VMA and moves no page": (
        OPEN + PRIVATE + "fill m1 len=0x2000 seed=1\n"
        "mprotect m1+0x1000 len=0x3000 prot=none\ndigest m1 len=0x1000\n"
        + looks("m1")
        + "smaps m1+0x2000\nsmaps m1+0x4000\nmprotect m1 prot=r\nload m1+0x3000 4\n"
        + looks("m1")
    ),
    "pages go with a mapping that is moved": (
        OPEN + SHARED + PRIVATE + ROOM + "store m1+0x1000 4 1\ndigest m1\ndigest m0\n"
        "mremap m3 m1 len=0x6000 new=0x6000 flags=maymove,fixed at=m2+0x4000\n"
        "pagemap m1\n"
        + looks("m3")
        + "mremap m4 m0+0x2000 len=0x2000 new=0x2000 flags=maymove,fixed at=m2\n"
        "load m4 4\nload m0 4\n"
        + looks("m4", "m0")
        + "smaps m0+0x4000\nstore m3+0x2000 4 2\n"
        + looks("m3")
    ),
    "advice drops what may be dropped": (
        OPEN + SHARED + PRIVATE + "fill m1 len=0x1000\ndigest m0\n"
        "madvise m0 dontneed len=0x2000\nmadvise m1 dontneed len=0x2000\n"
        + looks("m0", "m1")
        + "load m0+0x3000 1\nload m1+0x3000 1\nmadvise m0 dontfork len=0x1000\n"
        "madvise m0 random\n" + looks("m0")
    ),
    "locks and populating": (
        OPEN + "mmap m0 f0 off=0 len=0x4000 prot=r flags=shared,populate,locked\n"
        "mmap m1 f0 off=0 len=0x4000 prot=rw flags=private,populate\nmlock m1\n"
        + looks("m0", "m1")
    ),
}

ACCESSES = """
load {m} 4
faults
load {m} 4
faults
store {m}+8 4 1
faults
store {m}+0x1000 4 1
faults
store {m}+0x1000 4 2
faults
load {m}+0x1ffe 4
faults
load {m}+0x6000 1
faults
digest {m}
faults
fill {m} order=backward
faults
fork p1
p1: faults
p1: load {m}+0x1000 8
p1: faults
p1: store {m}+0x1000 8 3
p1: faults
store {m}+0x2000 8 4
faults
"""


def nodes(lab, size=SIZE):
    return [node for node in lab.target.nodes if node.size == size]


@pytest.mark.parametrize("claim", CLAIMS)
def test_claim_holds_for_every_pair(regions, claim, subtests):
    """The pages are the object's, in order, and counted as columns.py has it.

    Source: fs/proc/task_mmu.c, fs/proc/page.c.
    Guards: A2, A14, B11, C1, C3, C5, C6, D6, D7, E2, E3, E5, E8.
    """
    for node in nodes(regions):
        with subtests.test(node.path):
            program = parse_program(CLAIMS[claim].format(node=node.path))
            outcome = regions.run(program, quick=True)
            assert outcome == outcome.due


@pytest.mark.parametrize("number", ["m0", "m1"], ids=["shared", "private"])
def test_access_takes_the_faults_that_its_method_says(regions, number, subtests):
    """One fault a page where none is mapped, and none again: handle_pte_fault().

    Guards: B3, B9, B11.
    """
    opened = OPEN + (SHARED if number == "m0" else PRIVATE)
    for node in nodes(regions):
        with subtests.test(node.path):
            text = opened.format(node=node.path) + ACCESSES.format(m=number)
            outcome = regions.run(parse_program(text), quick=True)
            assert outcome == outcome.due


def test_huge_pages_are_those_of_the_object(regions, subtests):
    """A PMD that maps them is passed over by pagemap, as all of VM_PFNMAP is.

    Source: pagemap_pmd_range(), walk_page_test().
    Guards: B10.
    """
    for node in nodes(regions, HUGE_SIZE):
        with subtests.test(node.path):
            outcome = regions.run(
                parse_program(
                    f"""
                    open f0 {node.path} rdwr
                    mmap m0 f0 off=0 len=0x400000 prot=rw flags=shared
                    mmap m1 f0 off=0x1f8000 len=0x10000 prot=rw flags=private
                    load m0 4
                    faults
                    digest m0 len=0x200000
                    faults
                    smaps m0
                    digest m1
                    store m1+0x8000 4 1
                    pagemap m1
                    kpageflags m1
                    kpagecount m1
                    smaps m1
                    """
                )
            )
            assert outcome == outcome.due


WINDOWS = ("arena", "reserved", "rom", "acpi", "rodata", "bar")


@pytest.mark.parametrize("name", WINDOWS)
def test_pages_of_a_window_lie_where_its_offset_says(lab, node, name):
    """The file offset of a window is the physical address, as of /dev/mem.

    Guards: A13, E3.
    """
    base = lab.target.window(name).base
    outcome = lab.run(
        parse_program(
            f"""
            open f0 {node} rdonly
            mmap m0 f0 off={name} len=0x1000 prot=r flags=private
            mmap m1 f0 off={name} len=0x1000 prot=rw flags=private
            load m0 4
            store m1 4 1
            pagemap m0
            pagemap m1
            kpageflags m0
            kpageflags m1
            kpagecount m0
            kpagecount m1
            """
        )
    )
    assert outcome == outcome.due
    if lab.target.node(node).eager:
        return  # VM_PFNMAP, of which no frames are told.
    frame, copy, _, uses, mapped, _ = outcome.results[5:]
    assert frame == Words((hex(base >> 12),))
    assert copy != frame
    assert uses == Words(("anon",))
    assert mapped == Words(("0",))


@pytest.fixture
def paged(regions):
    """A node of the region memory whose PTEs lead to pages from mmap() on."""
    found = [n for n in nodes(regions) if n.pages and n.eager and not n.owns]
    if not found:
        pytest.skip("no method in question is such a one")
    return found[0]


def test_pages_of_a_pages_region_are_counted_by_every_process(regions, paged):
    """Each PTE that leads to a page counts in its mapcount: vm_insert_page().

    Guards: C3, C6, E5.
    """
    results = regions.run(
        parse_program(
            f"""
            open f0 {paged.path} rdwr
            mmap m0 f0 off=0 len=0x2000 prot=r flags=shared
            mmap m1 f0 off=0x1000 len=0x1000 prot=r flags=private
            kpagecount m0
            fork p1
            kpagecount m0
            p1: munmap m1
            kpagecount m0
            wait p1
            kpagecount m0
            munmap m1
            kpagecount m0
            """
        )
    ).results
    counts = [r.words for r in results if isinstance(r, Words)]
    assert counts == [("1", "2"), ("2", "4"), ("2", "3"), ("1", "2"), ("1", "1")]


def test_look_without_the_capability_tells_no_frame(regions, paged):
    """PFNs are for CAP_SYS_ADMIN: proc(5), /proc/PID/pagemap.

    Guards: none, the kernel is asked.
    """
    outcome = regions.run(
        parse_program(
            f"open f0 {paged.path} rdwr\n"
            "mmap m0 f0 off=0 len=0x2000 prot=r flags=shared\n"
            "drop sys_admin\npagemap m0\nkpageflags m0\nkpagecount m0\n"
        )
    )
    assert outcome == outcome.due
    assert outcome.results[3:] == (Words(("hidden", "hidden")),) * 3
