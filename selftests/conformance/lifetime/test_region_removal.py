"""A region is not taken away while it is in use; revoked, it is gone for all."""

import pytest

from mmapkit.grammar import parse_program


def test_region_in_use_is_not_taken_away(every):
    """Open, mapped, mapped in a child: each holds it, and nothing changes.

    Guards: C1, C5, C6.
    """
    for trial in every():
        with trial as run:
            assert run(
                """
                open f0 {node} rdwr
                request delete {node}
                mmap m0 f0 off=0x1000 len=0x2000 prot=rw flags=shared
                store m0 4 7
                request delete {node}
                close f0
                request delete {node}
                munmap m0+0x1000
                request delete {node}
                load m0 4
                fork p1
                munmap m0
                request delete {node}
                p1: request delete {node}
                p1: load m0 4
                open f0 {node} rdonly
                close f0
                wait p1
                request delete {node}
                open f0 {node} rdonly
                request delete {node}
                """
            ) == [
                *("ok", "EBUSY", "ok", "ok", "EBUSY", "ok", "EBUSY", "ok", "EBUSY"),
                *("ok 0x7", "ok", "ok", "EBUSY", "EBUSY", "ok 0x7", "ok", "ok"),
                *("ok", "ok", "ENOENT", "ENOENT"),
            ]


def test_revoked_region_is_gone_for_everybody_who_has_it(every):
    """Shared, private before and after the copy, in a child, and the file.

    unmap_mapping_range() with even_cows; then .fault says SIGBUS.
    Guards: C1, C10, E6.
    """
    for trial in every():
        with trial as run:
            results = run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                mmap m1 f0 off=0 len=0x4000 prot=rw flags=private
                mmap m2 f0 off=0 len=0x4000 prot=rw flags=private
                store m0 8 1
                store m1+0x1000 8 2
                load m1+0x2000 8
                fork p1
                p1: store m1+0x3000 8 3
                request revoke {node}
                load m0 8
                store m0+0x3000 8 4
                load m1+0x1000 8
                load m1+0x2000 8
                store m1+0x2000 8 5
                store m2+0x1000 8 6
                p1: load m0 8
                p1: load m1+0x3000 8
                p1: load m2 8
                peek m0 len=4
                peek m2 len=4
                poke m0 data=00
                """
            )
            # Memory at a physical address holds what was stored there last.
            assert results.pop(6).startswith("ok 0x")
            assert results == [
                *(["ok"] * 9),
                *("SIGBUS m0+0x0 ADRERR", "SIGBUS m0+0x3000 ADRERR"),
                *("SIGBUS m1+0x1000 ADRERR", "SIGBUS m1+0x2000 ADRERR"),
                *("SIGBUS m1+0x2000 ADRERR", "SIGBUS m2+0x1000 ADRERR"),
                *("SIGBUS m0+0x0 ADRERR", "SIGBUS m1+0x3000 ADRERR"),
                *("SIGBUS m2+0x0 ADRERR", "EIO", "EIO", "EIO"),
            ]


def test_revoke_reaches_what_was_mapped_by_another_node(run, trials):
    """Whichever was opened first; and a node that is left over opens nothing.

    Each inode has a mapping of its own: unmap_mapping_range().
    Guards: C1, C10.
    """
    for trial in trials():
        with trial:
            results = run(
                """
                open f0 {node} rdwr
                mknod f1 f0 rdwr
                close f0
                mmap m1 f1 off=0 len=0x4000 prot=rw flags=shared
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                mknod f2 f1 rdonly
                mmap m2 f2 off=0 len=0x4000 prot=rw flags=private
                store m0 8 1
                store m1 8 2
                load m2 8
                store m2+0x1000 8 3
                {delete}
                {revoke}
                load m0 8
                load m1 8
                load m2 8
                load m2+0x1000 8
                pread f1 off=0 len=1
                mknod f3 f2 rdonly
                """
            )
            # Each mapping may have memory of its own.
            assert results.pop(10).startswith("ok 0x")
            assert results == [
                *(["ok"] * 11),
                *("EBUSY", "ok"),
                *("SIGBUS m0+0x0 ADRERR", "SIGBUS m1+0x0 ADRERR"),
                *("SIGBUS m2+0x0 ADRERR", "SIGBUS m2+0x1000 ADRERR"),
                *("ENODEV", "ENODEV"),
            ]


def test_file_of_a_revoked_region_is_good_for_nothing_but_close(every):
    """ENODEV of mmap and of transfers, and no new mapping: driver.rst.

    Guards: C1, C2, C10.
    """
    for trial in every():
        with trial as run:
            assert run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                fork p1
                request revoke {node}
                pread f0 off=0 len=1
                pwrite f0 off=0 data=00
                mmap m1 f0 off=0 len=0x1000 prot=r flags=private
                p1: mmap m1 f0 off=0 len=0x1000 prot=rw flags=shared
                open f1 {node} rdonly
                request revoke {node}
                munmap m0+0x1000 len=0x1000
                load m0+0x2000 1
                mprotect m0 len=0x1000 prot=r
                wait p1
                munmap m0
                close f0
                """
            ) == [
                *("ok", "ok", "ok", "ok", "ENODEV", "ENODEV", "ENODEV", "ENODEV"),
                *("ENOENT", "ENOENT", "ok", "SIGBUS m0+0x2000 ADRERR"),
                *("ok", "ok", "ok", "ok"),
            ]


def test_name_of_a_revoked_region_is_free_while_the_old_one_is_mapped(every):
    """And what is stored through the new one is not in the old one.

    Guards: C1, C10.
    """
    for trial in every():
        with trial as run:
            results = run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                fill m0 seed=1
                request revoke {node}
                request make {node}
                open f1 {node} rdwr
                mmap m1 f1 off=0 len=0x4000 prot=rw flags=shared
                store m1 8 5
                load m0 8
                load m1 8
                pread f0 off=0 len=1
                request delete {node}
                """
            )
            assert results == [
                *(["ok"] * 8),
                *("SIGBUS m0+0x0 ADRERR", "ok 0x5", "ENODEV", "EBUSY"),
            ]


def test_new_region_of_an_old_name_has_memory_that_is_zero(every):
    """Unless its memory is there without it, at a physical address.

    Guards: E1.
    """
    for trial in every(lambda node: not node.lent):
        with trial as run:
            assert run(
                """
                    open f0 {node} rdwr
                    mmap m0 f0 off=0 len=0x2000 prot=rw flags=shared
                    fill m0 seed=9
                    munmap m0
                    close f0
                    request delete {node}
                    request delete {node}
                    request make {node}
                    request make {node}
                    open f0 {node} rdwr
                    mmap m0 f0 off=0 len=0x2000 prot=rw flags=shared
                    load m0 8
                    load m0+0x1ff8 8
                    """
            )[5:] == ["ok", "ENOENT", "ok", "EEXIST", "ok", "ok", "ok 0x0", "ok 0x0"]


def test_child_of_a_process_with_a_revoked_mapping_has_as_little(every):
    """And fork() succeeds: x86 has let go of the cache mode, untrack_pfn().

    Guards: C6, C10.
    """
    for trial in every():
        with trial as run:
            results = run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                mmap m1 f0 off=0 len=0x4000 prot=rw flags=private
                store m0 8 1
                store m1 8 2
                request revoke {node}
                fork p1
                p1: load m0 8
                p1: store m1 8 3
                p1: munmap m0 len=0x1000
                wait p1
                """
            )
            assert results[5:] == [
                *("ok", "ok", "SIGBUS m0+0x0 ADRERR", "SIGBUS m1+0x0 ADRERR"),
                *("ok", "ok"),
            ]


def test_mapping_of_a_revoked_region_is_cut_up_and_moved_like_any(every):
    """What is left is a VMA like others: munmap(2), mprotect(2), mremap(2).

    Guards: C5, C10.
    """
    for trial in every():
        with trial as run:
            results = run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                request revoke {node}
                mprotect m0+0x1000 len=0x1000 prot=r
                munmap m0+0x2000 len=0x1000
                mmap m2 - len=0x1000 prot=none flags=private
                mremap m1 m0+0x3000 len=0x1000 new=0x1000 flags=maymove,fixed at=m2
                load m1 1
                load m0+0x1000 1
                load m0+0x2000 1
                """
            )
            assert results[2:] == [
                *("ok", "ok", "ok", "ok", "ok"),
                *("SIGBUS m1+0x0 ADRERR", "SIGBUS m0+0x1000 ADRERR"),
                "SIGSEGV m0+0x2000 MAPERR",
            ]


@pytest.mark.parametrize("window", ["remap", "fault"])
def test_window_of_a_method_is_never_taken_away(small_regions, window):
    """A window goes with the module alone: EPERM.

    Guards: none, the control plane is asked.
    """
    path = f"/dev/memphys/{window}"
    text = f"request delete {path}\nrequest revoke {path}\nopen f0 {path} rdonly\n"
    outcome = small_regions.run(parse_program(text))
    assert outcome == outcome.due
    assert [str(result) for result in outcome.results] == ["EPERM", "EPERM", "ok"]


def test_requests_need_the_capability_for_raw_memory(every):
    """Who may not open the nodes may not take them away: CAP_SYS_RAWIO.

    Guards: none, the control plane is asked.
    """
    for trial in every():
        with trial as run:
            assert run(
                """
                fork p1
                p1: drop sys_rawio
                p1: request revoke {node}
                p1: request make {node}
                request make {node}
                """
            )[2:] == ["EPERM", "EPERM", "EEXIST"]
