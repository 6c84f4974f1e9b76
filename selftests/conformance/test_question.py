"""The sequence of the original question.

A node that is opened read-only, a private mapping that is readable and
writable, more than five pages, at any offset. Guards against the bug that the
project grew from: a handler that returns the page instead of a code.
"""

import pytest


@pytest.mark.parametrize("pages", [1, 5, 6, 7, 64, 512])
@pytest.mark.parametrize("start", [0, 0x1000, 0x40000, 0x1FB000])
def test_question_sequence_maps_every_page(check, node, pages, start):
    """Each page is there on its first touch, and once: do_read_fault().

    Guards: A13, B1, B2, B3, B4, B5, B6, B7, B8, B9, C1, D2, E3, E4, F3, F4, H, W.
    """
    results = check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=arena+{start} len={pages * 4096} prot=rw flags=private
        close f0
        load m0 4
        load m0+{(pages - 1) * 4096} 8
        digest m0
        fill m0 seed=3
        digest m0
        munmap m0
        """
    )
    assert results.count("ok") == 5


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_pages_may_be_touched_in_any_order(check, node, order, width):
    """A handler goes by vmf->pgoff, not by what it was asked before.

    Guards: A14, B1, E3.
    """
    check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=arena+0x3000 len=0x6000 prot=rw flags=private
        digest m0 order={order} width={width}
        fill m0 order={order} width={width} seed=9
        digest m0
        """
    )
