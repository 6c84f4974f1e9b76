"""A revoke reaches what is mapped by the entries of a higher page table, too."""

import pytest

from mmapkit.control import Lifetime, MethodFlag
from mmapkit.targets.regions import HUGE_SIZE, make

TOUCH = f"""
open f0 {{node}} rdwr
mmap m0 f0 off=0 len={HUGE_SIZE:#x} prot=rw flags=shared
store m0 8 1
store m0+0x3ffff8 8 2
fill m0+0x1000 len=0x3fe000
"""


@pytest.fixture
def huge(own, control, pairs, subtests):
    """Return the names of the huge pairs; in each subtest, region r0 is of one."""

    def huge():
        chosen = [
            pair
            for pair in pairs(control)
            if MethodFlag.HUGE in pair.method.flags and pair.lifetime is Lifetime.REGION
        ]
        if not chosen:
            pytest.skip("no method in question maps huge pages")
        for pair in chosen:
            with subtests.test(pair.name):
                make(control, own.target, pair, "r0", HUGE_SIZE)
                try:
                    yield pair.name
                finally:
                    if "r0" in [region.name for region in control.regions()]:
                        control.region_del("r0", revoke=True)

    return huge


def test_revoke_takes_huge_entries_away(own, control, run, huge):
    """In the process that revokes, in a child, and where a hole has split one.

    Source: zap_pmd_range(), unmap_mapping_range().
    Guards: B10, C1, C10.
    """
    for _ in huge():
        # Two faults for all of it: the entries that are taken away are huge.
        assert run(TOUCH) == ["ok"] * 5
        faults = control.region("r0").counters.faults
        assert (faults == 2) == own.target.traits.huge_faults
        results = run(
            TOUCH
            + f"""
            mmap m1 f0 off=0 len={HUGE_SIZE:#x} prot=rw flags=shared
            load m1 8
            munmap m1+0x1000 len=0x1000
            fork p1
            p1: load m0+0x3ffff8 8
            {{revoke}}
            load m0 8
            store m0+0x1ff000 8 3
            load m0+0x3ffff8 8
            load m1 8
            load m1+0x1ff000 8
            p1: load m0 8
            p1: store m0+0x200000 8 4
            """
        )
        assert results == [
            *(["ok"] * 6),
            *("ok 0x1", "ok", "ok", "ok 0x2", "ok"),
            *("SIGBUS m0+0x0 ADRERR", "SIGBUS m0+0x1ff000 ADRERR"),
            *("SIGBUS m0+0x3ffff8 ADRERR", "SIGBUS m1+0x0 ADRERR"),
            *("SIGBUS m1+0x1ff000 ADRERR", "SIGBUS m0+0x0 ADRERR"),
            "SIGBUS m0+0x200000 ADRERR",
        ]
