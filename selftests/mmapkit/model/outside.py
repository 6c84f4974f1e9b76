"""Access by the kernel, as for a debugger: peek, poke."""

from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import by_page
from mmapkit.model.state import State
from mmapkit.model.vma import Vma
from mmapkit.program import Peek, Poke, Prot
from mmapkit.verdict import Data, Errno, Result, Value


def peek(state: State, mapping: Mapping, op: Peek) -> Result:
    """Read what a mapping shows, as far as there is one; proc(5), mem.

    FOLL_FORCE: the protection does not matter, as no VMA here was made without
    VM_MAYREAD.
    """
    done = 0
    for at, count in by_page(op.off, op.len, state.page):
        vma = mapping.vma(at)
        if vma is None or _empty(state, vma, mapping.index(at)):
            break
        done += count
    if not done:
        return Errno("EIO")
    return Data(mapping.look(state.memory, op.off, done))


def poke(state: State, mapping: Mapping, op: Poke) -> Result:
    """Write to a mapping that may be written to, or to a copy; proc(5), mem."""
    done = 0
    for at, count in by_page(op.off, len(op.data), state.page):
        vma = mapping.vma(at)
        if vma is None or not _may_poke(state, vma, mapping.index(at)):
            break
        done += count
    if not done:
        return Errno("EIO")
    mapping.write(state.memory, op.off, op.data[:done])
    for at, _ in by_page(op.off, done, state.page):
        vma = mapping.vma(at)
        assert vma is not None
        if not vma.kind.pages:
            # By .access, which makes no PTE.
            vma.touched.discard(mapping.index(at))
            vma.perhaps.add(mapping.index(at))
    return Value(done)


def _empty(state: State, vma: Vma, index: int) -> bool:
    """Tell whether not even the kernel finds a page."""
    gone = index in vma.gone or vma.beyond(index, state.page)
    return gone and index not in vma.private


def _may_poke(state: State, vma: Vma, index: int) -> bool:
    """Tell whether the kernel may write to a page as a debugger.

    check_vma_flags() in mm/gup.c: FOLL_FORCE overrides the protection of mappings
    that copy, and none of VM_IO or VM_PFNMAP. There .access of the driver is
    asked, which has nothing to write a private page to.
    """
    if _empty(state, vma, index):
        return False
    if vma.shared:
        return Prot.W in vma.prot
    return not vma.kind.io
