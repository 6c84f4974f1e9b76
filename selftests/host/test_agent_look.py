"""What the agent tells of a mapping that it looks at, on this machine."""

import os
import re

import pytest

from mmapkit.grammar import parse_program

SHARED = """
memfd f0 0x4000
mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
mmap m1 f0 off=0x1000 len=0x3000 prot=rw flags=shared
"""


@pytest.fixture
def results(machine):
    """Return what runs a program, and gives its results as text."""
    return lambda text: [str(r) for r in machine.run(parse_program(text)).results]


def words(result):
    found = re.fullmatch(r"ok \[(.*)\]", result)
    assert found is not None, result
    return found[1].split()


def test_look_at_pages_brings_none(results):
    *_, first, second, count = results(
        f"{SHARED}mmap m2 - len=0x2000 prot=rw flags=private\n"
        "pagemap m2\npagemap m2+0x1fff len=2\nmincore m2\n"
    )
    assert words(first) == ["-", "-"]
    assert words(second) == ["-", "-"]
    assert count == "ok =0000"


def test_two_mappings_of_one_page_tell_the_same(results):
    *_, one, other = results(
        f"{SHARED}store m0+0x2000 1 1\nload m1+0x1000 1\n"
        "pagemap m0+0x2000 len=0x1000\npagemap m1+0x1000 len=1\n"
    )
    assert one == other
    assert words(one) != ["-"]


@pytest.mark.skipif(os.geteuid() != 0, reason="PFNs are for root")
def test_private_copy_is_another_page(results):
    *_, page, copy = results(
        f"{SHARED}mmap m2 f0 off=0 len=0x1000 prot=rw flags=private\n"
        "store m0 1 1\nstore m2 1 2\npagemap m0 len=1\npagemap m2 len=1\n"
    )
    assert re.fullmatch(r"ok \[0x[0-9a-f]+:file\]", page)
    assert re.fullmatch(r"ok \[0x[0-9a-f]+\]", copy)
    assert page.removesuffix(":file]") != copy.removesuffix("]")


def test_more_pages_than_a_result_holds_are_refused(results):
    *_, most, more = results(
        "mmap m0 - len=0x100000 prot=none flags=private\n"
        "pagemap m0 len=0x20000\npagemap m0+1 len=0x20000\n"
    )
    assert words(most) == ["-"] * 32
    assert more == "E2BIG"


def test_flags_of_a_vma_are_in_order(results):
    *_, here, nowhere, there = results(
        f"{SHARED}mprotect m0+0x1000 len=0x1000 prot=r\nsmaps m0+0x1000\n"
        "smaps m0-0x1000\nsmaps m1+0x2fff\n"
    )
    *flags, rss, anonymous = words(here)
    assert flags == sorted(flags)
    assert {"rd", "mr", "mw", "sh"} <= set(flags)
    assert "wr" not in flags
    assert (rss, anonymous) == ("rss=0", "anonymous=0")
    assert nowhere == "ENOMEM"
    assert "wr" in words(there)


def test_faults_are_those_of_the_last_access(results):
    told = results(
        f"faults\n{SHARED}store m0 4 1\nfaults\nstore m0 4 2\nfaults\n"
        "fork p1\np1: faults\np1: store m0+0x3000 1 1\np1: faults\n"
        "load m0+0x4000 1\nfaults\nfill m0 len=0x3000\nfaults\n"
    )
    assert told[0] == "void"
    assert told[5:9:2] == ["ok 0x1", "ok 0x0"] or told[5] == told[7] == "ok 0x0"
    assert told[9] == "void"
    assert told[11] in ("ok 0x0", "ok 0x1")
    assert told[13] == "void"
    assert told[15] in ("ok 0x0", "ok 0x1", "ok 0x2")
