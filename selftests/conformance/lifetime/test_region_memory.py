"""Memory of regions: who holds it, how long it lives, and how much there may be."""

import pytest

from mmapkit.control import Backing, Command, Lifetime
from mmapkit.errors import ControlError
from mmapkit.files import read_text

PARAMETERS = "/sys/module/memphys/parameters"
MIB = 1 << 20


def parameter(own, name):
    return int(read_text(own.machine, f"{PARAMETERS}/{name}"), 0)


def test_nothing_is_held_after_the_processes_are_gone(run, trials, in_use):
    """They exit with all they have: split, forked, copied, moved nowhere.

    Each vm_ops->open has its close: exit_mmap().
    Guards: C4, C5, C6.
    """
    for trial in trials():
        with trial:
            assert in_use() == (0, 0, 0)
            results = run(
                """
                open f0 {node} rdwr
                open f1 {node} rdonly
                mmap m0 f0 off=0 len=0x8000 prot=rw flags=shared
                mmap m1 f0 off=0 len=0x8000 prot=rw flags=private
                fill m0 seed=1
                store m1+0x2000 8 1
                munmap m0+0x3000 len=0x1000
                mprotect m1+0x5000 len=0x1000 prot=r
                fork p1
                p1: fork p2
                p2: munmap m0 len=0x2000
                p1: close f0
                p2: store m1+0x4000 8 2
                wait p1
                p2: digest m1
                """
            )
            assert results[:-1] == ["ok"] * 14
            assert results[-1].startswith("ok 32768 ")
            assert in_use() == (0, 0, 0)


def owned(pair):
    return pair.lifetime is Lifetime.MAPPING


def test_memory_of_a_mapping_lives_as_long_as_a_part_of_it(run, trials, in_use):
    """Through close, split, fork, and exit in both orders.

    Memory that were freed too early would be found by the mappings that come
    between, and filled.
    Guards: C1, C5, C6.
    """
    others = "".join(
        f"mmap m{n} f1 off=0 len=0x8000 prot=rw flags=shared\nfill m{n} seed={n}\n"
        for n in range(10, 18)
    )
    for trial in trials(owned):
        with trial:
            results = run(
                """
                open f0 {node} rdwr
                open f1 {node} rdwr
                mmap m0 f0 off=0 len=0x8000 prot=rw flags=shared
                fill m0 seed=3
                munmap m0+0x3000 len=0x1000
                digest m0+0x4000
                close f0
                fork p1
                p1: fork p2
                p1: munmap m0+0x4000
                wait p1
                """
                + others
                + "p2: digest m0+0x4000\nmunmap m0 len=0x3000\nmunmap m0+0x4000\n"
                + others
                + "p2: digest m0+0x4000\np2: store m0 4 9\np2: load m0 4\n"
            )
            digests = [result for result in results if result.startswith("ok 16384 ")]
            assert len(digests) == 3
            assert len(set(digests)) == 1
            assert results[-1] == "ok 0x9"
            assert {*results} == {"ok", "ok 0x9", *digests}
            assert in_use() == (0, 0, 0)


def test_each_mapping_has_memory_of_its_own_that_is_zeroed(run, trials):
    """lifetime=mapping: no mmap() finds what another one left, driver.rst.

    Guards: E1.
    """
    for trial in trials(owned):
        with trial:
            results = run(
                "open f0 {node} rdwr\n"
                + "mmap m0 f0 off=0 len=0x8000 prot=rw flags=shared\ndigest m0\n"
                "fill m0 seed=2\nmmap m1 f0 off=0 len=0x8000 prot=r flags=shared\n"
                "digest m1\nmunmap m0\nmunmap m1\n" * 4
            )
            assert len({result for result in results if result != "ok"}) == 1


def test_memory_is_counted_and_given_back(own, control, run):
    """As many mappings as max_bytes allows, once more, and after a revoke.

    Guards: C4.
    """
    count = parameter(own, "max_bytes") // (4 * MIB)
    assert 4 < count < 60
    map_all = "".join(
        f"mmap m{n} f0 off=0 len=0x1000 prot=rw flags=shared\n"
        for n in range(count + 1)
    )
    for _ in range(2):
        control.region_new(
            "r0", Backing.VMALLOC, "fault", 4 * MIB, lifetime=Lifetime.MAPPING
        )
        for _ in range(2):
            results = run("open f0 {node} rdwr\n" + map_all)
            assert results == ["ok"] * (count + 1) + ["ENOMEM"]
        new = run.request(
            Command.REGION_NEW, name="r0", backing=3, method="fault", size=4 * MIB
        )
        results = run(
            f"open f0 {{node}} rdwr\n{map_all}close f0\n{{revoke}}\n"
            f"{new}\nmunmap m1\n{new}\n"
        )
        assert results[-4:] == ["ok", "ENOMEM", "ok", "ok"]
        control.region_del("r0")


def test_bytes_beyond_the_limit_are_refused(own, control):
    """max_bytes: ENOMEM of size, and what is given back can be had: driver.rst.

    Guards: C4.
    """
    limit = parameter(own, "max_bytes")
    control.region_new("half", Backing.VMALLOC, "fault", limit // 2)
    control.region_new("other", Backing.VMALLOC, "fault", limit // 2)
    with pytest.raises(ControlError) as caught:
        control.region_new("more", Backing.PAGES, "fault", 0x1000)
    assert (caught.value.errno, caught.value.attribute) == ("ENOMEM", "size")
    control.region_del("half")
    control.region_new("more", Backing.PAGES, "fault", 0x1000)


def test_regions_beyond_the_limit_are_refused(own, control):
    """max_regions: ENOSPC of name, and what is given back can be had: driver.rst.

    Guards: C4.
    """
    limit = parameter(own, "max_regions")
    for number in range(limit):
        control.region_new(f"r{number}", Backing.PAGES, "fault", 0x1000)
    with pytest.raises(ControlError) as caught:
        control.region_new("more", Backing.PAGES, "fault", 0x1000)
    assert (caught.value.errno, caught.value.attribute) == ("ENOSPC", "name")
    control.region_del("r7")
    control.region_new("more", Backing.PAGES, "fault", 0x1000)
