"""Shared mappings: a store is in memory, and everybody sees it at once.

mmap(2), MAP_SHARED.
"""


def test_shared_store_is_seen_by_the_other_window_at_once(check, node, other):
    """mmap(2), MAP_SHARED: visible to others who map the same memory.

    Guards: E3, E4, E8.
    """
    check(
        f"""
        open f0 {node} rdwr
        open f1 {other} rdonly
        mmap m0 f0 off=arena+0x4000 len=0x6000 prot=rw flags=shared
        mmap m1 f1 off=arena+0x4000 len=0x6000 prot=r flags=shared
        store m0+0x5000 8 0x1122334455667788
        load m1+0x5000 8
        fill m0 seed=2 width=1
        digest m1
        """
    )


def test_shared_store_is_seen_by_the_kernel(check, node):
    """A store is in the memory, and the kernel's store in the mapping.

    Guards: E3, E4, E8.
    """
    results = check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena+0x4000 len=0x1000 prot=rw flags=shared
        store m0+0xff8 8 0x0807060504030201
        pread f0 off=arena+0x4ff8 len=8
        pwrite f0 off=arena+0x4ffc data=aabbccdd
        load m0+0xff8 8
        """
    )
    assert results[3] == "ok =0102030405060708"
    assert results[5] == "ok 0xddccbbaa04030201"


def test_shared_store_of_a_child_is_seen_by_the_parent(check, node):
    """fork(2), mmap(2), MAP_SHARED: one memory.

    Guards: C6, E8.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena len=0x2000 prot=rw flags=shared
        fork p1
        p1: store m0+0x1000 4 7
        load m0+0x1000 4
        wait p1
        load m0+0x1000 4
        """
    )


def test_mapping_outlives_its_file(check, node):
    """close(2), mmap(2): closing the file does not unmap.

    Guards: C1.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena len=0x3000 prot=rw flags=shared
        close f0
        fill m0 seed=1
        digest m0
        """
    )


def test_head_that_is_unmapped_before_the_first_touch_shifts_nothing(check, node):
    """The page has to follow the offset, not the VMA's start: __split_vma().

    Guards: A14, C5.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena+0x10000 len=0x6000 prot=rw flags=shared
        munmap m0 len=0x2000
        digest m0+0x2000
        munmap m0+0x4000 len=0x1000
        load m0+0x5000 8
        load m0+0x3ffc 8
        """
    )
