"""The address space: mmap, munmap, mprotect."""

from mmapkit.model.mapping import Mapping
from mmapkit.model.state import Process, State
from mmapkit.program import U64, Mmap, Mprotect, Munmap, Prot, Sharing
from mmapkit.verdict import Errno, Ok, Result


def mmap(state: State, process: Process, op: Mmap) -> Result:
    """Map a file; mmap(2)."""
    refusal = _refuse_mmap(state, process, op)
    # The agent unmaps what it had under that handle in any case.
    process.maps.pop(op.map, None)
    if refusal is not None:
        return refusal

    file = process.files[op.file]
    shared = op.flags is Sharing.SHARED
    may = Prot.R | Prot.X
    # do_mmap(): a shared mapping of a file that is not open for writing
    # loses VM_MAYWRITE; a private one keeps it.
    if file.writable or not shared:
        may |= Prot.W
    if state.traits.noexec:
        may &= ~Prot.X
    size = state.page_up(op.len)
    start = state.memory.own() if file.node.owns else file.node.start
    process.maps[op.map] = Mapping(
        op.map,
        start + state.target.resolve(op.off),
        size,
        shared,
        file.node.tracked,
        may,
        [op.prot] * (size // state.page),
    )
    return Ok()


def _refuse_mmap(state: State, process: Process, op: Mmap) -> Errno | None:
    """Apply the checks of sys_mmap(), do_mmap() and the driver, in order."""
    off = state.target.resolve(op.off)
    size = state.page_up(op.len)
    file = process.files.get(op.file)
    if off % state.page:
        return Errno("EINVAL")
    if file is None:
        return Errno("EBADF")
    if op.len == 0:
        return Errno("EINVAL")
    if size > state.traits.address_space:
        return Errno("ENOMEM")
    # file_mmap_ok(): the last byte has to have an offset.
    if off // state.page > (U64 - size) // state.page:
        return Errno("EOVERFLOW")
    if op.flags is Sharing.SHARED and Prot.W in op.prot and not file.writable:
        return Errno("EACCES")
    if not file.readable:
        return Errno("EACCES")
    if state.traits.noexec and Prot.X in op.prot:
        return Errno("EPERM")
    # mmap_region(): memory that copies may need is accounted for before
    # the driver is asked.
    private_writable = op.flags is Sharing.PRIVATE and Prot.W in op.prot
    if private_writable and size > state.traits.commit:
        return Errno("ENOMEM")
    if state.beyond(file.node, off, size):
        return Errno("EINVAL")
    return None


def munmap(state: State, mapping: Mapping, length: int, op: Munmap) -> Result:
    """Unmap pages; holes are no error: munmap(2), do_vmi_munmap()."""
    if op.off % state.page or length == 0:
        return Errno("EINVAL")
    first = op.off // state.page
    end = first + state.page_up(length) // state.page
    mapping.split(first, end)
    for index in range(first, end):
        if mapping.prot(index) is not None:
            mapping.prots[index] = None
            mapping.private.pop(index, None)
    return Ok()


def mprotect(state: State, mapping: Mapping, length: int, op: Mprotect) -> Result:
    """Change the protection of pages; mprotect(2).

    do_mprotect_pkey(): VMA by VMA; what lies before the first hole, or the
    first refusal, is changed.
    """
    if op.off % state.page:
        return Errno("EINVAL")
    index = op.off // state.page
    end = index + state.page_up(length) // state.page
    while index < end:
        if mapping.prot(index) is None:
            return Errno("ENOMEM")
        if op.prot & ~mapping.may:
            return Errno("EACCES")
        # mprotect_fixup(): a VMA that has that protection is left alone.
        _, vma_end = mapping.vma(index)
        stop = min(end, vma_end)
        if mapping.prots[index] != op.prot:
            mapping.split(index, stop)
            mapping.prots[index:stop] = [op.prot] * (stop - index)
        index = stop
    return Ok()
