"""Tasks that go on at once: faults of two of them on one page, copies, overlap.

Guards against handlers that take what a second fault finds for an error, and
against state that two faults share (bug classes B2, B9, C2).
"""

import pytest

from mmapkit.grammar import parse_program
from mmapkit.targets.regions import SIZE
from mmapkit.verdict import Value

PAGES = 5


def blocks(*lines):
    """Return a block for each page; {0} is where it begins, {1} the next word."""
    return "".join(
        "together\n"
        + "\n".join(lines).format(*(f"{page * 0x1000 + 8 * n:#x}" for n in range(4)))
        + "\nend\n"
        for page in range(PAGES)
    )


LOADS = blocks(*(f"p{n}: load m0+{{0}} 8" for n in range(4)))
STORES = blocks(*(f"p{n}: store m0+{{{n}}} 8 {n + 1}" for n in range(4)))


OPENED = """
open f0 {node} rdwr
mmap m0 f0 off=0x1000 len={length:#x} prot=rw flags={sharing}
thread p1
fork p2
p2: thread p3
"""

CLAIMS = {
    # Two threads of each of two processes read a page that nobody has touched.
    "first loads": ("shared", LOADS),
    "first loads of private pages": ("private", LOADS),
    # Each stores a word of its own to such a page, and none of them is lost.
    "first stores": ("shared", STORES + "digest m0\np2: digest m0\n"),
    # The same where the first store makes a copy: one for both threads.
    "copies": (
        "private",
        STORES + "digest m0\np2: digest m0\n"
        "mmap m1 f0 off=0x1000 len=0x1000 prot=r flags=shared\ndigest m1\n",
    ),
    # One reads what the other one copies at this moment.
    "a copy and a load": (
        "private",
        blocks("p0: load m0+{1} 8", "p1: store m0+{0} 8 7", "p2: load m0+{0} 8")
        + "digest m0\np2: digest m0\n",
    ),
    # Pages side by side, of which a handler may bring several.
    "neighbours": (
        "shared",
        "together\n"
        + "".join(
            f"p{page % 4}: load m0+{page * 0x1000:#x} 4\n" for page in range(PAGES)
        )
        + "end\n",
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_claim_holds_for_every_pair_at_once(regions, claim, subtests):
    """Who comes second to a page finds it there: vmf_insert_pfn(), EBUSY is no error.

    Guards: B2, B9, B11, S.
    """
    sharing, body = CLAIMS[claim]
    for node in regions.target.nodes:
        if node.size != SIZE:
            continue
        head = OPENED.format(node=node.path, length=PAGES * 0x1000, sharing=sharing)
        with subtests.test(node.path):
            outcome = regions.run(parse_program(head + body))
            assert outcome == outcome.due


COUNT = 40

COUNTING = "\n".join(
    (
        "open f0 /dev/memphys/remap rdwr",
        "mmap m0 f0 off=arena len=0x1000 prot=rw flags=shared",
        "thread p1\nstore m0 8 0\nstore m0+8 8 0\ntogether",
        *(f"p0: store m0 8 {n}\np0: load m0+8 8" for n in range(1, COUNT + 1)),
        *(f"p1: store m0+8 8 {n}\np1: load m0 8" for n in range(1, COUNT + 1)),
        "end",
    )
)


def test_tasks_of_a_block_overlap(lab):
    """A task sees the count of another one go on: both run in the same moment.

    Guards: none, the agent is asked.
    """

    def overlaps():
        results = lab.run_raw(parse_program(COUNTING)).results
        return any(0 < r.value < COUNT for r in results if isinstance(r, Value))

    # One processor may be busy elsewhere for some of them.
    assert any(overlaps() for _ in range(100))
