"""read(2) and write(2) on a node: the kernel's own view of the same bytes."""

import pytest

from mmapkit.grammar import parse_program
from mmapkit.verdict import Data, Value


@pytest.mark.parametrize("length", [1, 8, 255, 257, 4096, 4097, 0x6000])
@pytest.mark.parametrize("start", [0, 1, 0xFFF, 0x1FFFFC])
def test_kernel_reads_what_a_mapping_shows(lab, check, node, start, length):
    """pread(2) goes another way to the same bytes: driver.rst.

    Guards: A8, E3, E4.
    """
    page = start & ~0xFFF
    size = start - page + length
    results = check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena+{page} len={size} prot=rw flags=shared
        fill m0 seed=6
        pread f0 off=arena+{start} len={length}
        digest m0+{start - page} len={length} width=1
        """
    )
    if length > 256:
        assert results[3] == results[4]


@pytest.mark.parametrize("length", [1, 8, 4096, 4097])
def test_mapping_shows_what_the_kernel_writes(check, node, length):
    """pwrite(2) is seen through shared and through untouched private mappings.

    Guards: E3, E4.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena+0x7000 len=0x3000 prot=r flags=shared
        mmap m1 f0 off=arena+0x7000 len=0x3000 prot=r flags=private
        load m0 8
        load m1 8
        pwrite f0 off=arena+0x7ffc len={length} seed=8
        digest m0
        digest m1
        """
    )


def test_transfer_past_the_end_is_refused_whole(check, node):
    """There is no end of file to read up to: EINVAL, driver.rst.

    Guards: A1, A3, A5.
    """
    results = check(
        f"""
        open f0 {node} rdwr
        pread f0 off=end len=1
        pread f0 off=end-1 len=2
        pread f0 off=0x7fffffffffffffff len=2
        pread f0 off=0x8000000000000000 len=1
        pwrite f0 off=end data=00
        pwrite f0 off=end-1 data=0000
        """
    )
    assert results[1:] == ["EINVAL"] * 6


def test_transfer_of_nothing_is_nothing(lab, check, node):
    """read(2), write(2): 0 bytes are no error, wherever they are.

    Guards: A4.
    """
    check(
        f"""
        open f0 {node} rdwr
        pread f0 off=arena len=0
        pread f0 off=end len=0
        pwrite f0 off=end len=0
        """
    )


def test_position_of_a_window_moves_within_it(lab, node):
    """fixed_size_llseek(); pread and pwrite go by their own offsets.

    Guards: A3.
    """
    end = lab.target.symbols()["end"]
    text = f"""
        open f0 {node} rdwr
        lseek f0 cur 0
        lseek f0 end 0
        lseek f0 cur 1
        lseek f0 end {2**64 - 0x1000}
        lseek f0 set 0x3000
        pread f0 off=arena len=8
        pwrite f0 off=arena data=00
        lseek f0 cur 0x10
        lseek f0 cur {2**64 - 0x3011}
        lseek f0 set {end + 1}
        lseek f0 set {end}
        fork p1
        p1: lseek f0 end {2**64 - end}
        lseek f0 cur 0
    """
    results = [str(result) for result in lab.run_raw(parse_program(text)).results]
    assert results.pop(6).startswith("ok =")
    assert results == [
        *("ok", "ok 0x0", f"ok {end:#x}", "EINVAL", f"ok {end - 0x1000:#x}"),
        *("ok 0x3000", "ok 0x1", "ok 0x3010", "EINVAL", "EINVAL", f"ok {end:#x}"),
        *("ok", "ok 0x0", "ok 0x0"),
    ]


def test_end_of_a_region_is_its_size(regions):
    """lseek(2), SEEK_END.

    Guards: none, nothing is mapped.
    """
    sized = [node for node in regions.target.nodes if node.size is not None]
    assert sized
    for node in sized:
        text = f"open f0 {node.path} rdonly\nlseek f0 end 0\n"
        _, end = regions.run_raw(parse_program(text)).results
        assert end == Value(node.size)


def test_memory_of_each_mapping_is_not_read_through_the_file(regions, subtests):
    """A file has none: what each mapping has is not the others'.

    Source: Documentation/driver.rst, ENXIO.
    Guards: none, the driver refuses it before a method is asked.
    """
    owned = [node for node in regions.target.nodes if node.owns]
    for node in owned:
        with subtests.test(node.path):
            text = f"""
                open f0 {node.path} rdwr
                mmap m0 f0 off=0 len=0x1000 prot=rw flags=shared
                pread f0 off=0 len=8
                pwrite f0 off=0 data=00
                load m0 8
            """
            outcome = regions.run(parse_program(text))
            assert outcome == outcome.due
            assert [str(result) for result in outcome.results] == [
                *("ok", "ok", "ENXIO", "ENXIO", "ok 0x0"),
            ]


def test_open_mode_bounds_transfers(check, node):
    """read(2), write(2): EBADF for what the file was not opened for.

    Guards: none, the VFS refuses it.
    """
    results = check(
        f"""
        open f0 {node} rdonly
        open f1 {node} wronly
        pwrite f0 off=arena data=00
        pread f1 off=arena len=1
        pread f2 off=arena len=1
        """
    )
    assert results[2:] == ["EBADF"] * 3


def test_last_byte_of_the_address_space_can_be_read(lab, node):
    """What is there nobody knows, in a virtual machine nothing: it is readable.

    Guards: A5.
    """
    program = parse_program(f"open f0 {node} rdonly\npread f0 off=end-1 len=1\n")
    result = lab.run_raw(program).results[1]
    assert isinstance(result, Data)
    assert len(result.data) == 1
    assert not isinstance(result, Value)
