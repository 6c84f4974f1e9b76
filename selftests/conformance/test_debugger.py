"""A debugger sees what the program sees, through every pair of the driver.

peek and poke go by /proc/PID/mem: get_user_pages() where a mapping has pages,
.access of the driver where it has PFNs.
"""

import pytest

from mmapkit.grammar import parse_program
from mmapkit.targets.regions import SIZE

CLAIMS = {
    "untouched": """
        open f0 {node} rdwr
        mmap m0 f0 off=0x1000 len=0x4000 prot=rw flags=shared
        mmap m1 f0 off=0x1000 len=0x4000 prot=rw flags=private
        peek m0+0xff0 len=256
        peek m1+0x2ffe len=4
        peek m0+0x3ff0 len=32
        peek m0+0x4000 len=1
        load m0+0x1000 8
    """,
    "stored": """
        open f0 {node} rdwr
        mmap m0 f0 off=0 len=0x3000 prot=rw flags=shared
        mmap m1 f0 off=0 len=0x3000 prot=rw flags=private
        store m0+0x1ffc 8 0x8877665544332211
        peek m0+0x1ff0 len=32
        peek m1+0x1ff0 len=32
        load m0+0x1ffc 8
    """,
    # The copy, its untouched neighbours, and the same in a child.
    "private copies": """
        open f0 {node} rdwr
        mmap m0 f0 off=0 len=0x4000 prot=rw flags=private
        mmap m1 f0 off=0 len=0x4000 prot=rw flags=shared
        store m0+0x1800 8 0x1122334455667788
        peek m0+0x17fc len=16
        peek m0+0xff0 len=32
        peek m1+0x17fc len=16
        fork p1
        p1: store m0+0x1804 4 0xffffffff
        p1: peek m0+0x17fc len=16
        p1: peek m0+0x2ff0 len=32
        peek m0+0x17fc len=16
    """,
    "whatever the protection": """
        open f0 {node} rdwr
        mmap m0 f0 off=0 len=0x3000 prot=rw flags=shared
        mmap m1 f0 off=0 len=0x3000 prot=none flags=private
        store m0+0x1000 8 0xabcdef
        mprotect m0+0x1000 len=0x1000 prot=none
        peek m0+0xffe len=8
        peek m1+0xffe len=8
        poke m0+0x1000 data=00
        munmap m0+0x2000
        peek m0+0x1ffe len=4
    """,
    "poke": """
        open f0 {node} rdwr
        mmap m0 f0 off=0 len=0x3000 prot=rw flags=shared
        fork p1
        poke m0+0xffe data=c0ffee00
        load m0+0xffe 2
        p1: load m0+0x1000 2
        p1: poke m0+0x2004 data=5a
        peek m0+0x2000 len=8
        mprotect m0 prot=r
        poke m0 data=00
        load m0 1
    """,
}


def nodes(lab):
    return [node for node in lab.target.nodes if node.size == SIZE]


@pytest.mark.parametrize("claim", CLAIMS)
def test_claim_holds_for_every_pair(regions, claim, subtests):
    """A debugger sees and changes what the program would: proc(5), /proc/PID/mem.

    Guards: E6, B11.
    """
    for node in nodes(regions):
        with subtests.test(node.path):
            text = CLAIMS[claim].format(node=node.path)
            outcome = regions.run(parse_program(text), quick=True)
            assert outcome == outcome.due


def test_debugger_writes_nothing_through_a_private_mapping(regions, subtests):
    """Of pages it makes a copy, of PFNs it is refused: FOLL_FORCE, check_vma_flags().

    Guards: B11, D4, E6.
    """
    for node in nodes(regions):
        if node.owns:
            continue  # The mapping cannot be compared with another.
        with subtests.test(node.path):
            results = regions.run_raw(
                parse_program(
                    f"""
                    open f0 {node.path} rdwr
                    mmap m0 f0 off=0 len=0x3000 prot=rw flags=private
                    mmap m1 f0 off=0 len=0x3000 prot=rw flags=shared
                    fill m1 seed=9
                    load m0 8
                    store m0+0x1000 8 0x55
                    digest m1
                    poke m0+0x10 data=a1
                    poke m0+0x1010 data=a2
                    poke m0+0x2010 data=a3
                    digest m1
                    peek m0+0x10 len=1
                    peek m0+0x1010 len=1
                    peek m0+0x2010 len=1
                    pread f0 off=0x10 len=1
                    """
                )
            ).results
            pokes = {str(result) for result in results[7:10]}
            assert len(pokes) == 1
            assert pokes <= {"EIO", "ok 0x1"}
            assert results[10] == results[6]
            shown = [str(result) for result in results[11:14]]
            if pokes == {"ok 0x1"}:
                assert shown == ["ok =a1", "ok =a2", "ok =a3"]
            else:
                assert results[11] == results[14]
                assert not {"ok =a1", "ok =a2", "ok =a3"} & set(shown)
