"""The ends of the offset space: what leaves it is refused before it is mapped.

Bug classes A1 to A5, A9, A12. The error is the same on both windows.
"""

import pytest


def refusal(check, node, off, length):
    """Return what mmap says, and see that nothing was mapped."""
    results = check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off={off} len={length} prot=rw flags=shared
        load m0 1
        """
    )
    assert results[2] == "void"
    return results[1]


@pytest.mark.parametrize("pages", [1, 5, 6, 512])
def test_last_pages_of_the_address_space_can_be_mapped(check, node, pages):
    """What the CPU can address can be mapped, to the last page.

    Guards: A5.
    """
    results = check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=end-{pages * 4096} len={pages * 4096} prot=r flags=shared
        munmap m0
        """
    )
    assert results[1:] == ["ok", "ok"]


@pytest.mark.parametrize("pages", [1, 5, 6, 512])
def test_one_page_past_the_end_is_refused(check, node, pages):
    """The last legal page is the one before the end: mmap(2), EINVAL.

    Guards: A1, A5, A12.
    """
    off = f"end-{(pages - 1) * 4096}"
    assert refusal(check, node, off, pages * 4096) == "EINVAL"


def test_odd_length_past_the_end_is_refused(check, node):
    """What counts is the length in whole pages, as do_mmap() rounds it up.

    Guards: A1, A5.
    """
    assert refusal(check, node, "end-0x1000", 0x1001) == "EINVAL"


def test_range_past_the_end_is_refused(check, node):
    """Wherever it begins, also where 32 bits of the offset are small: mmap(2).

    Guards: A1, A9, A12.
    """
    assert refusal(check, node, "end", 0x1000) == "EINVAL"
    assert refusal(check, node, "end+0x100000000", 0x1000) == "EINVAL"


def test_range_that_wraps_in_64_bits_is_refused(check, node):
    """A sum that wraps is past the end, too; mm refuses some: file_mmap_ok().

    Guards: A3.
    """
    assert refusal(check, node, "0xfffffffffffff000", 0x2000) == "EOVERFLOW"
    assert refusal(check, node, "0xfffffffffffff000", 0x1000) == "EOVERFLOW"
    assert refusal(check, node, "0xffffffffffffe000", 0x1000) == "EINVAL"


def test_offset_with_the_sign_bit_is_refused(check, node):
    """An offset is a number of pages without a sign: sys_mmap_pgoff().

    Guards: A3, A12.
    """
    assert refusal(check, node, "0x8000000000000000", 0x1000) == "EINVAL"


def test_empty_range_is_refused(check, node):
    """mmap(2), EINVAL for a length of 0: do_mmap().

    Guards: none, mm refuses it.
    """
    assert refusal(check, node, "arena", 0) == "EINVAL"


def test_crooked_offset_is_refused(check, node):
    """mmap(2), EINVAL for an offset within a page: sys_mmap() of x86.

    Guards: none, mm refuses it.
    """
    assert refusal(check, node, "arena+0x800", 0x1000) == "EINVAL"


def test_length_beyond_the_address_space_is_refused(check, node):
    """mmap(2), ENOMEM: get_unmapped_area() finds no room.

    Guards: none, mm refuses it.
    """
    assert refusal(check, node, "arena", "0xfffffffffffff000") == "ENOMEM"
    assert refusal(check, node, "arena", "0xffffffffffffffff") == "ENOMEM"


@pytest.mark.parametrize("pages", [1, 5, 6, 511, 512, 513])
def test_page_behind_a_mapping_is_not_mapped(check, node, pages):
    """No method makes more PTEs than the VMA has room for: mmap(2), SIGSEGV.

    Guards: A7.
    """
    results = check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena len={pages * 4096} prot=rw flags=shared
        load m0+{pages * 4096 - 8} 8
        load m0+{pages * 4096} 1
        load m0+{pages * 4096 - 4} 8
        load m0-1 1
        """
    )
    assert results[3] == results[4] == f"SIGSEGV m0+{pages * 4096:#x} MAPERR"


@pytest.mark.parametrize("start", [0x1FF000, 0x200000, 0x1FB000, 0x1FA000])
@pytest.mark.parametrize("pages", [1, 6, 512])
def test_mapping_across_a_pmd_edge_has_its_contents(check, node, start, pages):
    """Contents go on where the next page table begins: remap_pmd_range().

    Guards: B10, E3.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena+{start} len={pages * 4096} prot=rw flags=shared
        digest m0
        store m0+{pages * 4096 - 8} 8 5
        load m0+{pages * 4096 - 8} 8
        """
    )
