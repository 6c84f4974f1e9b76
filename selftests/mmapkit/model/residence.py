"""Which pages are there: populate, mlock, munlock, mincore, msync."""

from mmapkit.grades import PASSED_OVER, PTE
from mmapkit.model.mapping import Mapping
from mmapkit.model.state import State
from mmapkit.model.vma import Island, Vma
from mmapkit.program import MAX_DATA, Mincore, Mlock, Msync, Munlock, Prot, SyncFlag
from mmapkit.verdict import Data, Errno, Ok, Result


def populate(state: State, island: Island, first: int, end: int) -> str:
    """Touch all pages as __mm_populate() does; returns why it ended, or "".

    What may be written is written, so private pages are copied. Pages without
    a struct page are passed over. A VMA that nobody may access is an error.
    """
    at = first
    for vma in island.within(first, end):
        if vma.first > at:
            return "hole"
        start, at = max(at, vma.first), min(end, vma.end)
        if vma.kind.io or vma.kind.pfnmap:
            continue
        # populate_vma_page_range(): FOLL_FORCE where anything is allowed.
        if vma.prot is Prot.NONE:
            return "fault"
        write = Prot.W in vma.prot and not vma.vm_shared
        if not bring(state, vma, start, at, write=write):
            return "fault"
    return "" if at >= end else "hole"


def bring(state: State, vma: Vma, first: int, end: int, *, write: bool) -> bool:
    """Let pages be there, copies for a write; False at the first that cannot be."""
    for index in range(first, end):
        if index in vma.gone or vma.beyond(index, state.page):
            return False
        vma.touched.add(index)
        if write:
            vma.own(state.memory, index)
    return True


def mlock(state: State, mapping: Mapping, length: int, op: Mlock) -> Result:
    """Lock what can be locked, and have all of it there; mlock(2).

    mlock_fixup(): VM_SPECIAL mappings are passed over without an error.
    """
    span = _apply(state, mapping, length, op.off, locked=True)
    if isinstance(span, Errno):
        return span
    # __mlock_posix_error_return(): EFAULT comes out as ENOMEM.
    return Errno("ENOMEM") if populate(state, mapping.island, *span) else Ok()


def munlock(state: State, mapping: Mapping, length: int, op: Munlock) -> Result:
    """Undo mlock; munlock(2)."""
    span = _apply(state, mapping, length, op.off, locked=False)
    return span if isinstance(span, Errno) else Ok()


def _apply(
    state: State, mapping: Mapping, length: int, off: int, *, locked: bool
) -> tuple[int, int] | Errno:
    """Do apply_vma_lock_flags(); returns the pages, first and behind the last."""
    first = mapping.index(off)
    end = mapping.at + -(-(off + length) // state.page)
    if first == end:
        return first, end
    island = mapping.island
    at = first
    while at < end:
        vma = island.find(at)
        if vma is None:
            return Errno("ENOMEM")
        stop = min(end, vma.end)
        if not vma.kind.special:
            for part in island.carve(at, stop, state.page):
                part.flags = part.flags - {"locked"} | ({"locked"} if locked else set())
        at = stop
    return first, end


def mincore(state: State, mapping: Mapping, length: int, op: Mincore) -> Result:
    """Tell which pages are there, one byte a page; mincore(2), mm/mincore.c.

    walk_page_range() of 6.1 and 6.12 passes VM_PFNMAP over, and then the page
    cache is asked, where memory of a driver never is; 7.3 looks at the PTEs.
    """
    if op.off % state.page:
        return Errno("EINVAL")
    first = mapping.index(op.off)
    end = first + state.page_up(length) // state.page
    if end - first > MAX_DATA:
        return Errno("E2BIG")
    seen = state.seen.data if isinstance(state.seen, Data) else b""
    pages = bytearray()
    for index in range(first, end):
        vma = mapping.island.find(index)
        if vma is None:
            return Errno("ENOMEM")
        # walk_page_test() passes these over.
        known = present(vma, index)
        passed_over = vma.kind.pfnmap and known
        if known is None or passed_over:
            at = index - first
            known = at < len(seen) and seen[at] == 1
            state.note(PASSED_OVER if passed_over else PTE, _THERE[known])
        pages.append(known)
    return Data(bytes(pages))


#: words for what was seen
_THERE = {True: "there", False: "not there"}


def present(vma: Vma, index: int) -> bool | None:
    """Tell whether a page has a PTE; None: it may."""
    if not vma.kind.special:
        # Huge pages, and the page cache that others fill, bring more.
        return None
    if vma.kind.eager:
        return index not in vma.gone or index in vma.private
    if index in vma.gone and index not in vma.private:
        return False
    if index in vma.touched or index in vma.private:
        return True
    return None if vma.kind.around or index in vma.perhaps else False


def msync(state: State, mapping: Mapping, length: int, op: Msync) -> Result:
    """Have stores reach the file; msync(2), mm/msync.c."""
    if op.off % state.page or op.flags >= {SyncFlag.SYNC, SyncFlag.ASYNC}:
        return Errno("EINVAL")
    first = mapping.index(op.off)
    at = first
    end = first + state.page_up(length) // state.page
    hole = False
    for vma in mapping.island.within(first, end):
        hole = hole or vma.first > at
        at = vma.end
        if SyncFlag.INVALIDATE in op.flags and "locked" in vma.flags:
            return Errno("EBUSY")
        # vfs_fsync_range(): a device without .fsync does not take the call.
        syncs = SyncFlag.SYNC in op.flags and vma.vm_shared
        if syncs and vma.offset is not None and not vma.kind.object:
            return Errno("EINVAL")
    return Errno("ENOMEM") if hole or at < end else Ok()
