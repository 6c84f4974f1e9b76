"""Regions: every pair of method and backing gives its memory as any other does.

Which pairs there are is asked of the driver, so each claim is made about all of
them, one subtest a pair.
"""

import re

import pytest

from mmapkit.control import Backing, Control, Lifetime
from mmapkit.grammar import parse_program
from mmapkit.setup import ROOT
from mmapkit.targets.regions import HUGE_SIZE, SIZE
from mmapkit.verdict import Data, Digested

CLAIMS = {
    # The question: a read-only file, a private writable map, six pages.
    "question": """
        open f0 {node} rdonly
        mmap m0 f0 off=0x1000 len=0x6000 prot=rw flags=private
        load m0 4
        load m0+0x1000 4
        load m0+0x2000 4
        load m0+0x3000 4
        load m0+0x4000 4
        load m0+0x5000 4
        store m0+0x5000 4 1
        load m0+0x5000 4
        pread f0 off=0x6000 len=4
    """,
    # A shared store is in the memory, and in every other shared mapping.
    "shared": """
        open f0 {node} rdwr
        mmap m0 f0 off=0 len=0x8000 prot=rw flags=shared
        mmap m1 f0 off=0x2000 len=0x4000 prot=rw flags=shared
        fill m0 seed=7
        digest m1
        store m1+0x1ffc 8 0x1122334455667788
        digest m0
        pread f0 off=0x3ffc len=8
        pwrite f0 off=0x5000 data=c0ffee
        load m1+0x3000 4
    """,
    # A private store is nobody else's, before and after fork.
    "private": """
        open f0 {node} rdwr
        mmap m0 f0 off=0x1000 len=0x4000 prot=rw flags=private
        mmap m1 f0 off=0x1000 len=0x4000 prot=rw flags=shared
        store m0+0x10 8 1
        fork p1
        p1: store m0+0x1010 8 2
        store m0+0x2010 8 3
        p1: digest m0
        digest m0
        digest m1
        p1: store m1+0x3010 8 4
        load m0+0x3010 8
        wait p1
        digest m1
    """,
    # mmap, cut, then touch: what is left keeps its place in the file.
    "split": """
        open f0 {node} rdwr
        mmap m0 f0 off=0x3000 len=0x9000 prot=rw flags=shared
        munmap m0 len=0x1000
        munmap m0+0x4000 len=0x1000
        mprotect m0+0x6000 len=0x1000 prot=r
        load m0+0x1000 8
        load m0+0x3ff8 8
        load m0+0x4000 8
        load m0+0x5000 8
        store m0+0x6000 8 1
        store m0+0x7000 8 1
        load m0+0x8ff8 8
        load m0 8
        close f0
        digest m0+0x5000
    """,
    # The last page is there, what is past it is not.
    "end": """
        open f0 {node} rdwr
        mmap m0 f0 off={last:#x} len=0x1000 prot=rw flags=shared
        store m0+0xff8 8 0x5a
        load m0+0xff8 8
        load m0+0x1000 1
        mmap m1 f0 off={last:#x} len=0x2000 prot=rw flags=shared
        mmap m2 f0 off={size:#x} len=0x1000 prot=r flags=private
        mmap m3 f0 off=0 len={more:#x} prot=r flags=shared
        mmap m4 f0 off={more:#x} len=0x1000 prot=r flags=shared
        mmap m5 f0 off=0x100000000 len=0x1000 prot=r flags=shared
        mmap m6 f0 off=0xffffffffffffe000 len=0x1000 prot=r flags=shared
        pread f0 off={past:#x} len=2
        pread f0 off={last:#x} len=4096
    """,
    # What is behind a mapping is no part of it, nor can it be made one.
    "behind": """
        open f0 {node} rdwr
        mmap m0 f0 off=0x1000 len=0x2000 prot=rw flags=shared
        load m0+0x1ff8 8
        load m0+0x2000 8
        store m0+0x2000 8 1
        mremap m1 m0 len=0x2000 new=0x3000 flags=maymove
        mremap m1 m0 len=0x2000 new=0x4000
        load m0+0x2000 8
        munmap m0
        load m0 8
        load m0+0x3000 8
    """,
    # What one mapping leaves behind, the next one finds if the memory is the same.
    "again": """
        open f0 {node} rdwr
        mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
        fill m0 seed=4
        munmap m0
        mmap m1 f0 off=0x1000 len=0x4000 prot=rw flags=shared
        digest m1
        mmap m2 f0 off=0 len=0x4000 prot=rw flags=private
        close f0
        digest m2
    """,
    # Nobody writes through what was opened to be read.
    "read only": """
        open f0 {node} rdonly
        mmap m0 f0 off=0 len=0x2000 prot=rw flags=shared
        mmap m1 f0 off=0 len=0x2000 prot=r flags=shared
        mprotect m1 prot=rw
        store m1 1 1
        pwrite f0 off=0 data=00
        digest m1
    """,
}


def documented():
    """Return the table of Documentation/driver.rst: what goes with what."""
    text = (ROOT / "Documentation" / "driver.rst").read_text()
    columns = [backing.name.lower() for backing in Backing]
    row = r"``([a-z-]+)``  +" + "  +".join([r"((?:yes|no)(?: m)?)(?: \[1\]_)?"] * 4)
    found = set()
    for name, *cells in re.findall(rf"^{row}$", text, re.MULTILINE):
        for column, cell in zip(columns, cells, strict=True):
            if cell.startswith("yes"):
                found.add(f"{name}-{column}")
            if cell.endswith(" m"):
                found.add(f"{name}-{column}-own")
    return found


def sized(lab, size):
    return [node for node in lab.target.nodes if node.size == size]


def test_pairs_of_the_driver_are_the_documented_ones(regions, pairs, subjects):
    """method-get says what goes with what, and driver.rst does.

    Guards: A13, E2.
    """
    if subjects:
        pytest.skip("the claims are not about all that the driver offers")
    with Control(regions.machine) as control:
        offered = {pair.name for pair in pairs(control)}
    assert {node.path.rpartition("/")[2] for node in sized(regions, SIZE)} == offered
    assert offered == documented()


@pytest.mark.parametrize("claim", CLAIMS)
def test_claim_holds_for_every_pair(regions, claim, subtests):
    """mmap(2), whatever the method and the backing; what each claim says is above it.

    Guards: A1, A2, A3, A4, A5, A6, A7, A8, A9, A11, A14, B1, B4, B6, B7, B11, C3, C5,
    C6, C13, C14, D1, E1, E3, E8, F2, S.
    """
    for node in sized(regions, SIZE):
        with subtests.test(node.path):
            text = CLAIMS[claim].format(
                node=node.path,
                size=SIZE,
                last=SIZE - 0x1000,
                past=SIZE - 1,
                more=SIZE + 0x1000,
            )
            outcome = regions.run(parse_program(text), quick=True)
            assert outcome == outcome.due


def test_region_is_zero_when_it_is_made(regions, pairs, subtests):
    """Memory is zeroed before anybody sees it: driver.rst, __GFP_ZERO.

    Guards: E1.
    """
    with Control(regions.machine) as control:
        for pair in pairs(control):
            if pair.backing is Backing.PHYS or pair.lifetime is Lifetime.MAPPING:
                continue
            with subtests.test(pair.name):
                control.region_new("fresh", pair.backing, pair.method.name, 1 << 16)
                results = regions.run_raw(
                    parse_program(
                        """
                        open f0 /dev/memphys/fresh rdwr
                        mmap m0 f0 off=0 len=0x10000 prot=rw flags=shared
                        digest m0
                        open f1 /dev/zero rdonly
                        pread f1 off=0 len=0x10000
                        fill m0 seed=3
                        """
                    )
                ).results
                control.region_del("fresh")
                assert isinstance(results[2], Digested)
                assert results[2] == results[4]


def test_base_is_where_the_memory_lies(regions, subjects, subtests):
    """What is stored through a region is at its base for the kernel.

    Guards: A8, E3.
    """
    with Control(regions.machine) as control:
        found = [region for region in control.regions() if region.base]
    assert len(found) >= 10 or subjects
    for region in found:
        with subtests.test(region.name):
            results = regions.run_raw(
                parse_program(
                    f"""
                    open f0 {region.path} rdwr
                    mmap m0 f0 off=0x2000 len=0x1000 prot=rw flags=shared
                    store m0+8 4 0x600dcafe
                    open f1 /dev/memphys/remap rdonly
                    pread f1 off={region.base + 0x2008:#x} len=4
                    """
                )
            ).results
            assert results[4] == Data(b"\xfe\xca\x0d\x60")


GIGA = 1 << 30


def test_huge_gigabyte_can_be_cut_and_moved(lab, control):
    """Device memory, with all the addresses of its gigabyte, aligned as those are.

    A PUD could map it all; mm of 6.12 and 7.3 would panic at what comes then.
    Guards: B10.
    """
    bar = next((w.base for w in lab.target.windows if w.name == "bar"), None)
    if bar is None:
        pytest.skip("this machine has no bar")
    at = bar % GIGA
    hole = (at + GIGA // 2) % GIGA + 0x3000
    control.region_new("giga", Backing.PHYS, "huge", GIGA, base=bar - at)

    # Three times as much has two aligned gigabytes in it; each program finds it
    # at the same address.
    room = f"mmap m0 - len={3 * GIGA:#x} prot=none flags=private,noreserve\n"
    reads = "".join(f"pread f0 off={n * 256} len=256\n" for n in range(24))
    outcome = lab.run_raw(
        parse_program(f"{room}open f0 /proc/self/maps rdonly\n{reads}")
    )
    maps = "".join(r.data.decode() for r in outcome.results if isinstance(r, Data))
    (start,) = (
        int(low, 16)
        for low, high in re.findall(r"(?m)^([0-9a-f]+)-([0-9a-f]+) ", maps)
        if int(high, 16) - int(low, 16) == 3 * GIGA
    )
    first = -start % GIGA
    beside = first + GIGA + 0x1000

    outcome = lab.run_raw(
        parse_program(
            f"""
            {room}
            open f0 /dev/memphys/giga rdwr
            mmap m1 f0 off=0 len={GIGA} prot=rw flags=shared,fixed at=m0+{first}
            store m1+{at + 8} 8 0x1122334455667788
            munmap m1+{hole} len=0x1000
            mprotect m1+{at + 0x5000} len=0x1000 prot=r
            load m1+{at + 8} 8
            mremap m2 m1+{at} len=0x3000 new=0x3000 flags=maymove,fixed at=m0+{beside}
            load m2+8 8
            open f1 /dev/memphys/remap rdonly
            pread f1 off={bar + 8} len=8
            """
        )
    )
    assert [str(result) for result in outcome.results] == [
        *(["ok"] * 6),
        *("ok 0x1122334455667788", "ok", "ok 0x1122334455667788"),
        *("ok", "ok =8877665544332211"),
    ]


def test_huge_method_takes_one_fault_for_what_a_pmd_maps(regions, subjects, subtests):
    """On kernels where mm asks: before 6.6, only DAX is asked: create_huge_pmd().

    Guards: B10.
    """
    huge = 2 << 20
    expected = 1 if regions.target.traits.huge_faults else huge // 4096
    shared = [node for node in sized(regions, HUGE_SIZE) if not node.owns]
    assert shared or subjects
    for node in shared:
        with subtests.test(node.path), Control(regions.machine) as control:
            name = node.path.rpartition("/")[2]
            before = control.region(name).counters
            outcome = regions.run(
                parse_program(
                    f"""
                    open f0 {node.path} rdwr
                    mmap m0 f0 off=0 len={HUGE_SIZE:#x} prot=rw flags=shared
                    digest m0 len={huge:#x}
                    munmap m0+0x1000 len=0x1000
                    digest m0+0x2000 len={huge - 0x2000:#x}
                    """
                )
            )
            assert outcome == outcome.due
            after = control.region(name).counters
            # The hole splits the huge entry, and pages come one by one again.
            again = huge // 4096 - 2 if expected == 1 else 0
            assert after.faults - before.faults == expected + again
            assert after.pages - before.pages == huge // 4096 + again


def test_huge_region_is_the_same_at_any_address(regions, subtests):
    """An address that is aligned as its offset is not has pages, or shifts them.

    Source: vmf_insert_pfn_pmd() aligns the address alone.
    Guards: B10.
    """
    for node in sized(regions, HUGE_SIZE):
        with subtests.test(node.path):
            outcome = regions.run(
                parse_program(
                    f"""
                    open f0 {node.path} rdwr
                    mmap m0 - len=0x600000 prot=none flags=private,noreserve
                    mmap m1 f0 off=0x1000 len=0x3fe000 prot=rw flags=shared,fixed at=m0
                    digest m1
                    mmap m2 f0 off=0x2000 len=0x3fe000 prot=rw flags=shared,fixed at=m0
                    store m2+0x1ff000 8 0x55
                    digest m2 order=backward
                    """
                )
            )
            assert outcome == outcome.due
