"""Access by the kernel, as for a debugger: peek, poke."""

from mmapkit.errors import ModelError
from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import by_page
from mmapkit.model.state import State
from mmapkit.program import Peek, Poke, Prot
from mmapkit.verdict import Data, Errno, Result, Value


def peek(state: State, mapping: Mapping, op: Peek) -> Result:
    """Read what a mapping shows, as far as there is one; proc(5), mem.

    FOLL_FORCE: the protection does not matter, as no VMA here was made without
    VM_MAYREAD.
    """
    done = _reach(state, mapping, op.off, op.len, Prot.NONE)
    if not done:
        return Errno("EIO")
    return Data(mapping.read(state.memory, op.off, done))


def poke(state: State, mapping: Mapping, op: Poke) -> Result:
    """Write to a mapping that may be written to; proc(5), mem."""
    if not mapping.shared:
        raise ModelError("poke: get_user_pages() copies private pages, not PFNs")
    # check_vma_flags() in mm/gup.c: FOLL_FORCE is for mappings that copy.
    done = _reach(state, mapping, op.off, len(op.data), Prot.W)
    if not done:
        return Errno("EIO")
    mapping.write(state.memory, op.off, op.data[:done])
    return Value(done)


def _reach(state: State, mapping: Mapping, off: int, length: int, need: Prot) -> int:
    """Return how many of the bytes the kernel gets at from outside.

    mem_rw() in fs/proc/base.c: page by page, up to the first that is refused.
    """
    done = 0
    for at, count in by_page(off, length, state.page):
        prot = mapping.prot(at // state.page)
        if prot is None or need not in prot:
            break
        done += count
    return done
