"""The sequence of the original question, on both windows.

A node that is opened read-only, a private mapping that is readable and
writable, more than five pages, at any offset: bugs.md, B1.
"""

import pytest
from mmapkit.grammar import parse_program

NODES = ("/dev/memphys/remap", "/dev/memphys/fault")


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("pages", [1, 5, 6, 7, 64, 512])
@pytest.mark.parametrize("start", [0, 0x1000, 0x40000, 0x1FB000])
def test_question_sequence_maps_every_page(lab, node, pages, start):
    program = parse_program(
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
    assert lab.run(program) == lab.model.run(program)
