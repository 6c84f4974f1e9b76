"""Memory that is not the driver's: ROM, tables, RAM in use, RAM that the kernel
does not own, device memory, and nothing at all.

A lazy handler may neither take references on pages that are not its own nor
refuse what remap serves (bug classes A13, B7, B8).
"""

import re

import pytest

from mmapkit.files import read_text
from mmapkit.grammar import parse_program
from mmapkit.verdict import Ok, Value

SOURCES = ["rom", "acpi", "rodata", "reserved", "bar"]


@pytest.fixture(params=SOURCES)
def source(request, lab):
    """The name of a window on memory that is not the driver's."""
    if request.param not in [window.name for window in lab.target.windows]:
        pytest.skip(f"this machine has no {request.param}")
    return request.param


@pytest.mark.parametrize("flags", ["shared", "private"])
def test_foreign_memory_reads_as_the_kernel_reads_it(check, node, source, flags):
    """remap_pfn_range() serves any PFN, and so has a lazy handler: driver.rst.

    Guards: A13, B7, E3, E4.
    """
    check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off={source} len=0x1000 prot=r flags={flags}
        digest m0
        load m0+0x10 1
        load m0+0x10 4
        pread f0 off={source} len=0x1000
        """
    )


def test_foreign_memory_can_be_copied_on_write(check, node, source):
    """mmap(2), MAP_PRIVATE: a copy of what has no page, too: __wp_page_copy_user().

    Guards: A13, B7, B8.
    """
    check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off={source} len=0x1000 prot=rw flags=private
        fork p1
        store m0+0x20 8 0x1122334455667788
        digest m0
        p1: store m0+0x20 8 1
        p1: digest m0
        wait p1
        digest m0
        pread f0 off={source} len=0x1000
        """
    )


@pytest.mark.parametrize("name", ["rom", "rodata", "reserved", "bar"])
def test_foreign_memory_of_many_pages_is_mapped_whole(lab, check, node, name):
    """One piece of memory has one content, in any order of touch.

    Guards: A13, A14, B7, B8.
    """
    if name not in [window.name for window in lab.target.windows]:
        pytest.skip(f"this machine has no {name}")
    check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off={name} len=0x9000 prot=rw flags=private
        munmap m0 len=0x1000
        digest m0+0x1000 order=shuffled
        store m0+0x6ffe 4 1
        digest m0+0x1000
        """
    )


@pytest.mark.parametrize("name", ["reserved", "bar"])
def test_foreign_memory_is_shared_by_both_windows(lab, check, node, other, name):
    """mmap(2), MAP_SHARED: the one method's store is in the other's mapping.

    Guards: A13, E3, E4.
    """
    if name not in [window.name for window in lab.target.windows]:
        pytest.skip(f"this machine has no {name}")
    check(
        f"""
        open f0 {node} rdwr
        open f1 {other} rdwr
        mmap m0 f0 off={name}+0x3000 len=0x6000 prot=rw flags=shared
        mmap m1 f1 off={name}+0x3000 len=0x6000 prot=rw flags=shared
        fill m0 seed=1
        digest m1
        store m1+0x5000 4 0xdeadbeef
        load m0+0x5000 4
        pread f1 off={name}+0x8000 len=8
        """
    )


@pytest.fixture
def bar(lab):
    """The file that is the memory of a device."""
    file = lab.machine.host_files.get("bar")
    if file is None:
        pytest.skip("no device here whose memory is a file outside")
    return file


def test_store_to_device_memory_arrives_outside(lab, check, node, bar):
    """A store of a width is one access of that width to the device.

    Guards: B11, E3, E4.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=bar+0x1000 len=0x2000 prot=rw flags=shared
        store m0+0x1008 8 0x0807060504030201
        store m0+0x1010 1 0xaa
        """
    )
    data = bar.read_bytes()
    assert data[0x2008:0x2011] == bytes([1, 2, 3, 4, 5, 6, 7, 8, 0xAA])


def test_private_store_to_device_memory_does_not_arrive_outside(check, node, bar):
    """mmap(2), MAP_PRIVATE: the store is in a copy.

    Guards: B11, D2.
    """
    before = bar.read_bytes()
    check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=bar len=0x6000 prot=rw flags=private
        fill m0 seed=1
        digest m0
        """
    )
    assert bar.read_bytes() == before


def test_change_from_outside_is_seen_in_a_mapping(check, node, bar):
    """A mapping shows the memory, and no copy of it: mmap(2), MAP_SHARED.

    Guards: E4, E8.
    """
    with bar.open("r+b") as file:
        file.seek(0x5004)
        file.write(b"\x78\x56\x34\x12")
    results = check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=bar len=0x6000 prot=r flags=shared
        load m0+0x5004 4
        """
    )
    assert results[2] == "ok 0x12345678"


@pytest.mark.parametrize("flags", ["shared", "private"])
def test_hole_reads_the_same_through_both_windows(lab, flags):
    """Nothing answers at the very end of the physical addresses.

    A PFN without a page is as good as any: insert_pfn().
    Guards: A13.
    """
    if not lab.machine.host_files:
        pytest.skip("a real machine may answer a read of nothing with an error")
    texts = [
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=end-0x6000 len=0x6000 prot=r flags={flags}
        digest m0
        """
        for node in ("/dev/memphys/remap", "/dev/memphys/fault")
    ]
    remap, fault = (lab.run_raw(parse_program(text)) for text in texts)
    assert remap == fault
    assert str(remap.results[2]).startswith("ok 24576 #")


def test_no_page_of_the_kernel_is_refused_to_a_shared_mapping(lab, node):
    """The zero page is among the first of these.

    Since 6.11 vmf_insert_mixed() answers SIGBUS for it in a shared mapping.
    Guards: B7.
    """
    iomem = read_text(lab.machine, "/proc/iomem")
    found = re.search(r"([0-9a-f]+)-[0-9a-f]+ : Kernel bss", iomem)
    assert found
    program = parse_program(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=0x{found[1]} len=0x40000 prot=r flags=shared
        """
        + "".join(f"load m0+{page * 4096} 8\n" for page in range(64))
    )
    opened, mapped, *loads = lab.run_raw(program).results
    assert [opened, mapped] == [Ok(), Ok()]
    assert [load for load in loads if not isinstance(load, Value)] == []
