"""The kernel reaches a mapping on behalf of the program, through every pair.

A system call that copies (write, read) sees what a load sees. One that wants the
page behind the address (readv, writev, splice) is for methods that map pages, and
is refused where there are only PFNs (see differences.py). A debugger (mem, ptrace)
gets everywhere, by .access of the driver where there is no page.

The class of bugs: .access that ignores the offset, the protection or a private
copy; VM_IO on what is pages, or none on what is not, so that a device's memory
is pinned; a page that is handed out without a reference.
"""

import pytest

from mmapkit.grammar import parse_program
from mmapkit.program import PEEK_WAYS, POKE_WAYS, Via
from mmapkit.targets.regions import SIZE

# {0} is a way of peek, {1} of poke. Each page is touched before the kernel is.
CLAIMS = {
    "shared": """
        mmap m0 f0 off=0x1000 len=0x3000 prot=rw flags=shared
        fill m0 seed=2
        peek m0+0xff8 len=16 {0}
        poke m0+0xff8 data=a0a1a2a3a4a5a6a7a8a9aaabacadaeaf {1}
        peek m0+0xff0 len=32 {0}
        digest m0
    """,
    "private copies are one's own": """
        mmap m0 f0 off=0 len=0x4000 prot=rw flags=private
        mmap m1 f0 off=0 len=0x4000 prot=r flags=shared
        digest m0
        store m0+0x1ff8 8 0x1122334455667788
        peek m0+0x1ff8 len=16 {0}
        peek m0+0xff8 len=16 {0}
        poke m0+0x1ffc data=c0c1c2c3c4c5c6c7 {1}
        poke m0+0xffc data=d0d1d2d3d4d5d6d7 {1}
        digest m0
        digest m1
    """,
    "a child has copies of copies": """
        mmap m0 f0 off=0 len=0x4000 prot=rw flags=private
        digest m0
        store m0+0x1ff8 8 0x1122334455667788
        fork p1
        p1: digest m0
        p1: poke m0+0x1ff8 data=e0e1e2e3e4e5e6e7 {1}
        p1: peek m0+0x1ff0 len=16 {0}
        peek m0+0x1ff0 len=16 {0}
        poke m0+0x1ff0 data=f0f1f2f3f4f5f6f7 {1}
        p1: peek m0+0x1ff0 len=16 {0}
        wait p1
        digest m0
    """,
    "read only": """
        mmap m0 f0 off=0 len=0x3000 prot=rw flags=shared
        mmap m1 f0 off=0 len=0x3000 prot=r flags=private
        digest m0
        digest m1
        mprotect m0+0x1000 len=0x1000 prot=r
        poke m0+0xffc data=0102030405060708 {1}
        poke m0+0x1000 data=0102030405060708 {1}
        poke m0+0x1ffc data=0102030405060708 {1}
        peek m0+0xff8 len=16 {0}
        peek m1+0xff8 len=16 {0}
        digest m0
        digest m1
    """,
    "none": """
        mmap m0 f0 off=0 len=0x3000 prot=rw flags=shared
        digest m0
        mprotect m0+0x1000 len=0x1000 prot=none
        peek m0+0xff4 len=24 {0}
        peek m0+0x1000 len=8 {0}
        poke m0+0xff4 data=0102030405060708090a0b0c0d0e0f10 {1}
        poke m0+0x1000 data=0102030405060708 {1}
        mprotect m0 prot=r
        digest m0
    """,
    "none, over private copies": """
        mmap m0 f0 off=0 len=0x3000 prot=rw flags=private
        fill m0 seed=9
        mprotect m0 prot=none
        peek m0+0xff8 len=16 {0}
        mprotect m0 prot=rw
        digest m0
    """,
    "a hole, and the end": """
        mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
        digest m0
        munmap m0+0x1000 len=0x1000
        peek m0+0xff4 len=24 {0}
        peek m0+0x1ffc len=8 {0}
        peek m0+0x3ff8 len=16 {0}
        peek m0+0x4000 len=8 {0}
        poke m0+0xff4 data=0102030405060708090a0b0c0d0e0f10 {1}
        poke m0+0x1ffc data=0102030405060708 {1}
        poke m0+0x3ff8 data=0102030405060708090a0b0c0d0e0f10 {1}
        digest m0 len=0x1000
        digest m0+0x2000
    """,
    "after the file is closed": """
        mmap m0 f0 off=0 len=0x2000 prot=rw flags=shared
        close f0
        digest m0
        peek m0+0xff8 len=16 {0}
        poke m0+0xff8 data=0102030405060708 {1}
        load m0+0xff8 8
    """,
}

PAIRS = [
    *zip(PEEK_WAYS, (*POKE_WAYS, Via.READ), strict=True),
    (Via.SPLICE, Via.WRITEV),
]


def nodes(lab):
    return [node for node in lab.target.nodes if node.size == SIZE]


def turns(lab):
    """Return nodes, each with ways to try: all for one of a method, else a few."""
    known = set()
    for number, node in enumerate(nodes(lab)):
        if node.method in known:
            yield node, (PAIRS * 2)[number % len(PAIRS) :][:2]
        else:
            known.add(node.method)
            yield node, PAIRS


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_way_follows_the_model(regions, claim, subtests):
    """What the kernel reaches for a program is what the program would reach.

    Source: check_vma_flags(), __access_remote_vm(), copy_from_user().
    Guards: B3, B11, D7, E6.
    """
    for node, pairs in turns(regions):
        with subtests.test(node.path):
            for peek, poke in pairs:
                body = CLAIMS[claim].format(f"via={peek.value}", f"via={poke.value}")
                text = f"open f0 {node.path} rdwr\n{body}"
                outcome = regions.run(parse_program(text), quick=True)
                assert outcome == outcome.due


def test_private_copy_among_pfns_may_be_spliced_but_not_pinned(regions, subtests):
    """The copy is anonymous memory: fast GUP does not ask what VMA it is in.

    Source: get_user_pages_fast(), check_vma_flags().
    Guards: D7.
    """
    for node in (node for node in nodes(regions) if not node.pages):
        with subtests.test(node.path):
            results = regions.run_raw(
                parse_program(
                    f"""
                    open f0 {node.path} rdwr
                    mmap m0 f0 off=0 len=0x2000 prot=rw flags=private
                    store m0 8 0x1122334455667788
                    peek m0 len=8 via=readv
                    poke m0 data=0000000000000000 via=writev
                    peek m0 len=8 via=splice
                    load m0 8
                    """
                )
            ).results
            refusal = "EFAULT" if regions.target.traits.cross_memory else "ENOSYS"
            assert [str(result) for result in results[3:5]] == [refusal] * 2
            assert str(results[5]) in ("EFAULT", "ok =8877665544332211")
            assert str(results[6]) == "ok 0x1122334455667788"


# A file is read into a mapping of it. What is there before is not: the handler runs
# in the midst of the copy, with whatever read() of the driver holds.
INTO = {
    "shared": """
        mmap m0 f0 off=0x1000 len=0x4000 prot=rw flags=shared
        pread f0 off=0x8ff0 len=0x20 at=m0+0x20
        pread f0 off=0x9000 len=0x2000 at=m0+0x1800
        digest m0
    """,
    "private": """
        mmap m0 f0 off=0 len=0x4000 prot=rw flags=private
        mmap m1 f0 off=0 len=0x4000 prot=r flags=shared
        pread f0 off=0x1ffc len=0x8 at=m0+0x10
        pread f0 off=0x3000 len=0x1000 at=m0+0x2000
        digest m0
        digest m1
    """,
    "onto itself": """
        mmap m0 f0 off=0x2000 len=0x2000 prot=rw flags=shared
        pread f0 off=0x2800 len=0x1000 at=m0+0x800
        digest m0
    """,
    "read only": """
        mmap m0 f0 off=0 len=0x2000 prot=rw flags=shared
        mprotect m0+0x1000 len=0x1000 prot=r
        pread f0 off=0x4000 len=8 at=m0+0x1000
        pread f0 off=0x4000 len=0x2000 at=m0
        munmap m0 len=0x1000
        pread f0 off=0x4000 len=8 at=m0
        digest m0+0x1000
    """,
}


@pytest.mark.parametrize("claim", INTO)
def test_file_is_read_into_a_mapping_of_itself(regions, claim, subtests):
    """read(2): what is read is there, and EFAULT where nothing may be stored.

    Source: copy_to_user(), which faults on memory that may be of the same file.
    Guards: F1.
    """
    for node in nodes(regions):
        with subtests.test(node.path):
            text = f"open f0 {node.path} rdwr\n{INTO[claim]}"
            outcome = regions.run(parse_program(text), quick=True)
            assert outcome == outcome.due


@pytest.mark.parametrize("way", ["read", "write"])
def test_system_call_at_the_end_of_a_mapping_has_an_error_and_no_signal(
    check, node, way
):
    """read(2), write(2): EFAULT; what came before it may be stored.

    Guards: A7.
    """
    call = {
        "read": "poke m0+0xffc data=0102030405060708 via=read",
        "write": "peek m0+0xffc len=8 via=write",
    }[way]
    results = check(
        f"open f0 {node} rdwr\n"
        "mmap m0 f0 off=arena len=0x1000 prot=rw flags=shared\n"
        f"load m0+0xff8 8\n{call}\nload m0+0xffc 4\n"
    )
    assert results[3] == "EFAULT"
    stored = results[4] == "ok 0x4030201"
    assert stored == (way == "read")
