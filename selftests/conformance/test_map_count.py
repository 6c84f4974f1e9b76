"""A process runs out of VMAs in the midst of surgery: what fails has changed nothing.

vm.max_map_count (Documentation/admin-guide/sysctl/vm.rst) makes a split fail after
mm has begun: __split_vma() is where a driver's .open is called, and what a driver
took there it must not keep.
"""

from contextlib import contextmanager

import pytest

from mmapkit.control import Control
from mmapkit.files import read_text
from mmapkit.grammar import parse_program
from mmapkit.targets.regions import SIZE

MAX_MAP_COUNT = "/proc/sys/vm/max_map_count"

#: more than the agent has, and fewer than a page each of a mapping would take
FEW = 60
PAGES = 101


@contextmanager
def few_vmas(machine):
    usual = read_text(machine, MAX_MAP_COUNT).strip()
    assert machine.put(MAX_MAP_COUNT, str(FEW)) == "ok"
    try:
        yield
    finally:
        assert machine.put(MAX_MAP_COUNT, usual) == "ok"


@pytest.fixture
def nodes(regions):
    with Control(regions.machine) as control:
        paths = {region.path for region in control.regions()}
    return [n for n in regions.target.nodes if n.size == SIZE and n.path in paths]


@pytest.mark.parametrize(
    "cut", ["munmap {place} len=0x1000", "mprotect {place} len=0x1000 prot=none"]
)
def test_split_without_a_vma_to_be_had_changes_nothing(regions, nodes, subtests, cut):
    """ENOMEM of munmap(2) and mprotect(2): what fails has changed nothing.

    __split_vma() has asked the driver by then.
    Guards: C5, C7.
    """
    places = [f"m0+{page * 0x1000:#x}" for page in range(1, PAGES - 1, 2)]
    cuts = [cut.format(place=place) for place in places]
    for node in nodes:
        text = "\n".join(
            [
                f"open f0 {node.path} rdwr",
                f"mmap m0 f0 off=0 len={PAGES * 0x1000:#x} prot=rw flags=shared",
                "fill m0 seed=5",
                *cuts,
                *(f"load {place} 8" for place in places),
                # do_mmap() lets one more be than a split does.
                "mmap m1 f0 off=0 len=0x1000 prot=r flags=private",
                "mmap m2 f0 off=0 len=0x1000 prot=r flags=private",
                "munmap m0",
                "mmap m2 f0 off=0 len=0x1000 prot=r flags=private",
                "load m2 8",
            ]
        )
        with subtests.test(node.path), few_vmas(regions.machine):
            outcome = regions.run_raw(parse_program(text))
            results = [str(result) for result in outcome.results[3:]]
            tried, results = results[: len(cuts)], results[len(cuts) :]
            seen, after = results[: len(cuts)], results[len(cuts) :]
            done = tried.index("ENOMEM")
            assert tried == ["ok"] * done + ["ENOMEM"] * (len(cuts) - done)
            assert done > 5
            assert all(found.startswith("SIGSEGV") for found in seen[:done])
            assert all(found.startswith("ok 0x") for found in seen[done:])
            assert after[:4] == ["ok", "ENOMEM", "ok", "ok"]
            assert after[4].startswith("ok 0x")
            with Control(regions.machine) as control:
                counters = control.region(node.path.rpartition("/")[2]).counters
            assert (counters.opens, counters.vmas) == (0, 0)
