"""A region is not taken away while it is in use; revoked, it is gone for all."""


def test_region_in_use_is_not_taken_away(run, trials):
    """Open, mapped, mapped in a child: each holds it, and nothing changes."""
    for trial in trials():
        with trial:
            assert run(
                """
                open f0 {node} rdwr
                {delete}
                mmap m0 f0 off=0x1000 len=0x2000 prot=rw flags=shared
                store m0 4 7
                {delete}
                close f0
                {delete}
                munmap m0+0x1000
                {delete}
                load m0 4
                fork p1
                munmap m0
                {delete}
                p1: {delete}
                p1: load m0 4
                open f0 {node} rdonly
                close f0
                wait p1
                {delete}
                open f0 {node} rdonly
                {delete}
                """
            ) == [
                *("ok", "EBUSY", "ok", "ok", "EBUSY", "ok", "EBUSY", "ok", "EBUSY"),
                *("ok 0x7", "ok", "ok", "EBUSY", "EBUSY", "ok 0x7", "ok", "ok"),
                *("ok", "ok", "ENOENT", "ENOENT"),
            ]


def test_revoked_region_is_gone_for_everybody_who_has_it(run, trials):
    """Shared, private before and after the copy, in a child, and the file."""
    for trial in trials():
        with trial:
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
                {revoke}
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


def test_file_of_a_revoked_region_is_good_for_nothing_but_close(run, trials):
    for trial in trials():
        with trial:
            assert run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                fork p1
                {revoke}
                pread f0 off=0 len=1
                pwrite f0 off=0 data=00
                mmap m1 f0 off=0 len=0x1000 prot=r flags=private
                p1: mmap m1 f0 off=0 len=0x1000 prot=rw flags=shared
                open f1 {node} rdonly
                {revoke}
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


def test_name_of_a_revoked_region_is_free_while_the_old_one_is_mapped(run, trials):
    """And what is stored through the new one is not in the old one."""
    for trial in trials():
        with trial as pair:
            new = run.make("r0", pair)
            results = run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                fill m0 seed=1
                {revoke}
                """
                + new
                + """
                open f1 {node} rdwr
                mmap m1 f1 off=0 len=0x4000 prot=rw flags=shared
                store m1 8 5
                load m0 8
                load m1 8
                pread f0 off=0 len=1
                {delete}
                """
            )
            assert results == [
                *(["ok"] * 8),
                *("SIGBUS m0+0x0 ADRERR", "ok 0x5", "ENODEV", "EBUSY"),
            ]
