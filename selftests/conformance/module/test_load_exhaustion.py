"""Memory runs out while the driver is loaded: it is there, or it is not at all.

As test_exhaustion.py has it, for what the module does when it comes.
"""

from itertools import count

import pytest

from mmapkit.control import Backing, Control
from mmapkit.grammar import parse_program

pytestmark = pytest.mark.timeout(900)

#: more allocations than loading takes, and more than its undoing
FAR = 1 << 20
NEAR = 16


@pytest.fixture
def run(own, let_fail):
    """Run lines as a program where allocations can fail; results as text."""
    let_fail(own.machine)

    def run(*lines):
        program = parse_program("\n".join(lines))
        return [str(result) for result in own.run_raw(program, quick=True).results]

    return run


def test_load_without_memory_leaves_nothing(own, run, load):
    """Each allocation of the module's init fails once, of the loader's the last.

    How many the loader makes is told by an init that is refused before it has
    made any: no such arena can be had. The uevents that follow count with them.
    Guards: C4.
    """
    insmod = f"insmod {own.machine.module('memphys')}"
    opens = [f"open f0 /dev/memphys/{window} rdonly" for window in ("remap", "fault")]
    after = [*opens, "close f0", "rmmod memphys", *opens]

    refused, left = run(f"fail-nth {FAR}", f"{insmod} arena=1G", "fail-nth 0")[1:]
    assert refused == "ENOMEM"
    last = FAR - int(left.removeprefix("ok "), 0)
    seen = set()
    for nth in count(last - NEAR):
        _, loaded, left, *rest = run(
            f"fail-nth {nth}", f"{insmod} arena=64K", "fail-nth 0", *after
        )
        seen.add(loaded)
        if loaded == "ok":
            assert rest == ["ok", "ok", "ok", "ok", "ENOENT", "ENOENT"]
        else:
            assert loaded == "ENOMEM"
            assert rest == ["ENOENT", "ENOENT", "EBADF", *["ENOENT"] * 3]
        if left != "ok 0x0":
            break
    assert seen == {"ok", "ENOMEM"}
    assert load("arena=64K") == "ok"


def test_loop_that_finds_no_memory_to_be_told_is_served(own, run, load):
    """With a limit of 1, the first fault at an address is told of.

    Guards: C4.
    """
    assert load("fault_loop=1") == "ok"
    with Control(own.machine) as control:
        control.region_new("r0", Backing.PAGES, "fault-page", 0x4000)
        trials = 0
        for nth in count(1):
            *_, found, left, again = run(
                "open f0 /dev/memphys/r0 rdwr",
                "mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared",
                "load m0 4",
                f"fail-nth {nth}",
                "load m0+0x1000 4",
                "fail-nth 0",
                "load m0+0x1000 4",
            )
            trials += 1
            assert found == again
            assert found.startswith("ok 0x")
            if left != "ok 0x0":
                break
        assert trials > 1
        control.region_del("r0")
