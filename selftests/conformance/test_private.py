"""Private mappings: a store stays with the process that made it.

mmap(2), MAP_PRIVATE. Guards against a PTE with the wrong rights, and against
copies that are lost or shared (bug classes B8, B11, D2).
"""


def test_private_store_never_reaches_memory(check, node):
    """mmap(2), MAP_PRIVATE: the store is in a copy.

    Guards: B11, D2.
    """
    results = check(
        f"""
        open f0 {node} rdwr
        pread f0 off=arena len=8
        mmap m0 f0 off=arena len=0x2000 prot=rw flags=private
        store m0 8 0x1122334455667788
        load m0 8
        pread f0 off=arena len=8
        """
    )
    assert results[4] == "ok 0x1122334455667788"
    assert results[5] == results[1]


def test_private_store_is_not_seen_through_other_mappings(check, node, other):
    """mmap(2), MAP_PRIVATE: not visible to others who map the file.

    Guards: B11, D2.
    """
    check(
        f"""
        open f0 {node} rdwr
        open f1 {other} rdwr
        mmap m0 f0 off=arena len=0x6000 prot=rw flags=private
        mmap m1 f0 off=arena len=0x6000 prot=rw flags=private
        mmap m2 f1 off=arena len=0x6000 prot=r flags=shared
        fill m0 seed=1
        digest m1
        digest m2
        """
    )


def test_private_page_is_read_before_it_is_copied(check, node):
    """Until its first store a page is the object's: do_wp_page().

    Guards: B11.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena len=0x3000 prot=rw flags=private
        mmap m1 f0 off=arena len=0x3000 prot=rw flags=shared
        load m0 4
        store m1 4 0xdeadbeef
        load m0 4
        store m0+8 4 1
        store m1 4 0xcafe
        load m0 4
        """
    )


def test_private_store_without_a_load_before_copies_the_page(check, node):
    """A store is first to touch a page: do_cow_fault(), of a file open to read.

    Guards: B8, B11.
    """
    check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=arena+0x5000 len=0x3000 prot=rw flags=private
        store m0+0x1ffc 8 0xffffffffffffffff
        digest m0
        """
    )


def test_parent_and_child_have_private_copies_of_their_own(check, node):
    """fork(2): what one stores afterwards the other does not see.

    Guards: B11, C6.
    """
    results = check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=arena len=0x3000 prot=rw flags=private
        store m0+0x1000 8 1
        fork p1
        store m0+0x1000 8 2
        p1: store m0+0x1008 8 3
        p1: load m0+0x1000 8
        load m0+0x1000 8
        load m0+0x1008 8
        p1: digest m0
        wait p1
        digest m0
        """
    )
    assert results[6:8] == ["ok 0x1", "ok 0x2"]


def test_fork_with_a_copied_first_page(check, node):
    """Works with a lazy mapping; with an eager one on x86, from 6.16 on.

    Source: 04c35ab3bdae, get_pat_info().
    Guards: B11, C6.
    """
    check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=arena len=0x3000 prot=rw flags=private
        store m0 8 1
        fork p1
        store m0 8 2
        p1: load m0 8
        wait p1
        munmap m0 len=0x1000
        fork p2
        p2: digest m0+0x1000
        wait p2
        """
    )


def test_child_faults_in_what_the_parent_never_touched(check, node):
    """fork(2): the child has the mapping, whatever was touched: vma_needs_copy().

    Guards: B8, C6.
    """
    check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=arena+0x2000 len=0x6000 prot=rw flags=private
        fork p1
        p1: digest m0
        p1: fill m0 seed=4
        wait p1
        digest m0
        """
    )


def test_store_refused_by_the_second_page_has_copied_the_first(check, node):
    """The first page is made writable before the second refuses: do_wp_page().

    Guards: B11.
    """
    results = check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena len=0x2000 prot=rw flags=private
        mprotect m0+0x1000 len=0x1000 prot=r
        load m0 4
        store m0+0xffe 4 1
        pwrite f0 off=arena data=deadbeef
        load m0 4
        """
    )
    assert results[4] == "SIGSEGV m0+0x1000 ACCERR"
    assert results[6] == results[3]


def test_fork_after_a_store_that_the_second_page_refused(check, node):
    """As a copied first page: an eager mapping on x86 forks from 6.16 on.

    Source: 04c35ab3bdae, get_pat_info().
    Guards: B11, C6.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena len=0x2000 prot=rw flags=private
        munmap m0+0x1000 len=0x1000
        store m0+0xffe 4 1
        fork p1
        p1: load m0 4
        wait p1
        """
    )
