"""Who may, and what for: capability, lockdown, open mode, protection.

Bug classes D1, D2, and what /dev/mem asks of those who open it.
"""

import pytest

from mmapkit.grammar import parse_program


def test_open_needs_cap_sys_rawio(check, node):
    """capabilities(7), CAP_SYS_RAWIO, as for /dev/mem; who has it open may go on.

    Guards: none, it is about who may open.
    """
    results = check(
        f"""
        open f0 {node} rdonly
        drop sys_rawio
        open f1 {node} rdonly
        mmap m0 f0 off=arena len=0x1000 prot=r flags=shared
        load m0 1
        """
    )
    assert results[2] == "EPERM"
    assert results[3] == "ok"


def test_open_needs_no_other_capability(check, node):
    """CAP_SYS_RAWIO is enough.

    Guards: none, it is about who may open.
    """
    results = check(
        f"""
        drop sys_admin
        drop ipc_lock
        drop dac_override
        open f0 {node} rdwr
        """
    )
    assert results[3] == "ok"


def test_read_only_file_gives_no_shared_writable_mapping(check, node):
    """mmap(2), EACCES: do_mmap().

    Guards: D1.
    """
    results = check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=arena len=0x1000 prot=rw flags=shared
        """
    )
    assert results[1] == "EACCES"


def test_read_only_mapping_cannot_be_made_writable_by_mprotect(check, node):
    """mprotect(2), EACCES: VM_MAYWRITE is gone.

    Guards: D1.
    """
    results = check(
        f"""
        open f0 {node} rdonly
        mmap m0 f0 off=arena len=0x2000 prot=r flags=shared
        mprotect m0 prot=rw
        store m0 1 1
        """
    )
    assert results[2:] == ["EACCES", "SIGSEGV m0+0x0 ACCERR"]


def test_write_only_file_cannot_be_mapped(check, node):
    """mmap(2), EACCES: a mapping reads whatever its protection.

    Guards: none, mm refuses it.
    """
    results = check(
        f"""
        open f0 {node} wronly
        mmap m0 f0 off=arena len=0x1000 prot=w flags=shared
        mmap m1 f0 off=arena len=0x1000 prot=w flags=private
        pread f0 off=arena len=8
        """
    )
    assert results[1:] == ["EACCES", "EACCES", "EBADF"]


@pytest.mark.parametrize("flags", ["shared", "private"])
@pytest.mark.parametrize("prot", ["none", "r", "w", "x", "rw", "rx", "wx", "rwx"])
def test_protection_is_what_was_asked_for(check, node, prot, flags):
    """mmap(2), prot: PTEs have the rights of vma->vm_page_prot.

    Guards: B8, B11, D2.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena len=0x6000 prot={prot} flags={flags}
        load m0+0x5000 4
        store m0+0x5000 4 1
        store m0+0x4ffe 4 1
        load m0+0x5000 4
        """
    )


@pytest.mark.parametrize("flags", ["shared", "private"])
def test_protection_can_be_taken_and_given_back(check, node, flags):
    """mprotect(2): any part, and contents stay.

    Guards: C5, D2.
    """
    check(
        f"""
        open f0 {node} rdwr
        mmap m0 f0 off=arena len=0x6000 prot=rw flags={flags}
        fill m0 len=0x2000 seed=1
        mprotect m0 len=0x3000 prot=r
        store m0 4 1
        mprotect m0+0x1000 len=0x1000 prot=none
        load m0+0xffe 4
        mprotect m0 prot=rw
        store m0+0x1000 4 1
        digest m0
        """
    )


def test_lockdown_closes_the_nodes(make_lab, lab):
    """The lockdown LSM only ever tightens: this takes a machine of its own.

    Integrity, the weaker of the two levels, has to be enough: kernel_lockdown(7).
    Guards: none, it is about who may open.
    """
    if not lab.machine.host_files:
        pytest.skip("lockdown cannot be undone: not on a machine that goes on")
    own = make_lab(lambda machine: lab.target)
    integrity = b"integrity".hex()
    program = parse_program(
        f"""
        open f0 /dev/memphys/remap rdonly
        close f0
        open f1 /sys/kernel/security/lockdown rdwr
        pwrite f1 off=0 data={integrity}
        open f0 /dev/memphys/remap rdonly
        open f0 /dev/memphys/fault rdwr
        """
    )
    results = [str(result) for result in own.run_raw(program).results]
    own.close()
    assert results[0] == "ok"
    assert results[3] == "ok 0x9"
    assert results[4:] == ["EPERM", "EPERM"]
