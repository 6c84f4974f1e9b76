"""Access by the kernel, every way of peek and poke.

Three sorts: get_user_pages() with FOLL_FORCE and .access behind it, as for a
debugger (mem, ptrace); without either (readv, writev, splice); and a copy under
the address of the program (write, read).
"""

from mmapkit.grades import SPLICE
from mmapkit.model.access import raised
from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import by_page
from mmapkit.model.state import State
from mmapkit.model.vma import Vma
from mmapkit.program import WORD, Peek, Poke, Prot, Via
from mmapkit.verdict import Data, Errno, Result, Value


def peek(state: State, mapping: Mapping, op: Peek) -> Result:
    """Read what a mapping shows, as far as the kernel gets."""
    match op.via:
        case Via.WRITE:
            return _copy_out(state, mapping, op)
        case Via.READV:
            return _pinned_peek(state, mapping, op)
        case Via.SPLICE:
            return _spliced(state, mapping, op)
    done = _forced(state, mapping, op.off, op.len, write=False)
    data = mapping.look(state.memory, op.off, done)
    if op.via is Via.PTRACE:
        data = data[: done - done % WORD]
    return Data(data) if data else Errno("EIO")


def poke(state: State, mapping: Mapping, op: Poke) -> Result:
    """Write to a mapping that may be written to, or to a copy."""
    match op.via:
        case Via.READ:
            return _copy_in(state, mapping, op)
        case Via.WRITEV:
            return _pinned_poke(state, mapping, op)
    done = _forced(state, mapping, op.off, len(op.data), write=True)
    mapping.write(state.memory, op.off, op.data[:done])
    for at, _ in by_page(op.off, done, state.page):
        vma = mapping.vma(at)
        assert vma is not None
        if not vma.kind.pages:
            # By .access, which makes no PTE.
            vma.touched.discard(mapping.index(at))
            vma.perhaps.add(mapping.index(at))
    if op.via is Via.PTRACE:
        # generic_ptrace_pokedata(): an error, whatever of the word was stored.
        done -= done % WORD
    return Value(done) if done else Errno("EIO")


# ------------------------------------------------------------------- a debugger


def _forced(
    state: State, mapping: Mapping, off: int, length: int, *, write: bool
) -> int:
    """Return how many bytes a debugger gets at; __access_remote_vm().

    FOLL_FORCE: the protection does not matter to who reads, as no VMA here was
    made without VM_MAYREAD.
    """
    done = 0
    for at, count in by_page(off, length, state.page):
        vma = mapping.vma(at)
        if vma is None:
            break
        index = mapping.index(at)
        if not (_may_force if write else _is_there)(state, vma, index):
            break
        done += count
    return done


def _may_force(state: State, vma: Vma, index: int) -> bool:
    """Tell whether the kernel may write to a page as a debugger.

    check_vma_flags() in mm/gup.c: FOLL_FORCE overrides the protection of mappings
    that copy, and none of VM_IO or VM_PFNMAP. There .access of the driver is
    asked, which has nothing to write a private page to.
    """
    if not _is_there(state, vma, index):
        return False
    if vma.shared:
        return Prot.W in vma.prot
    return not vma.kind.io


# ----------------------------------------------------------- pages, without force


def _pinned_peek(state: State, mapping: Mapping, op: Peek) -> Result:
    """Read by process_vm_readv(2); process_vm_rw_single_vec()."""
    if not state.traits.cross_memory:
        return Errno("ENOSYS")
    done = _pinned(state, mapping, op.off, op.len, Prot.R)
    if not done:
        return Errno("EFAULT")
    return Data(mapping.read(state.memory, op.off, done))


def _pinned_poke(state: State, mapping: Mapping, op: Poke) -> Result:
    """Write by process_vm_writev(2), to copies of private pages."""
    if not state.traits.cross_memory:
        return Errno("ENOSYS")
    done = _pinned(state, mapping, op.off, len(op.data), Prot.W)
    mapping.write(state.memory, op.off, op.data[:done])
    return Value(done) if done else Errno("EFAULT")


def _pinned(state: State, mapping: Mapping, off: int, length: int, need: Prot) -> int:
    """Return how many bytes lie in pages that are had, up to the first that is not."""
    done = 0
    for at, count in by_page(off, length, state.page):
        if not _may_pin(state, mapping, at, need):
            break
        done += count
    return done


def _may_pin(state: State, mapping: Mapping, off: int, need: Prot) -> bool:
    """Tell whether get_user_pages() gives a page away; check_vma_flags()."""
    vma = mapping.vma(off)
    return (
        vma is not None
        and not (vma.kind.io or vma.kind.pfnmap)
        and need in vma.prot
        and _is_there(state, vma, mapping.index(off))
    )


def _spliced(state: State, mapping: Mapping, op: Peek) -> Result:
    """Read by vmsplice(2): iter_to_pipe(), get_user_pages_fast().

    That looks at PTEs before it asks the VMA, and takes a page that is there
    whatever VMA it is in: a private copy in one of VM_IO, or what may be written
    and not read. Other than copies, which pages it takes so depends on the kernel
    and the folio (gup_fast_folio_allowed()).
    """
    ends = []
    done = 0
    due: int | None = None
    for at, count in by_page(op.off, op.len, state.page):
        if not _may_pin(state, mapping, at, Prot.R):
            vma = _walked(state, mapping, at)
            if vma is None:
                break
            ends.append(done)
            if mapping.index(at) not in vma.private and due is None:
                due = done
        done += count
    ends.append(done)

    def result(length: int) -> Result:
        if not length:
            return Errno("EFAULT")
        return Data(mapping.look(state.memory, op.off, length))

    due = done if due is None else due
    others = [result(end) for end in ends if end != due]
    if not others:
        return result(due)
    return state.choose(SPLICE, result(due), *others)


def _walked(state: State, mapping: Mapping, off: int) -> Vma | None:
    """Return the VMA of a page that may have a PTE the processor would follow."""
    vma, index = mapping.vma(off), mapping.index(off)
    if vma is None or not vma.prot:
        return None
    if vma.prot == Prot.X and not state.traits.exec_reads:
        return None
    paged = vma.kind.pages and _is_there(state, vma, index)
    return vma if paged or index in vma.private else None


# --------------------------------------------------------------- copies


def _copy_out(state: State, mapping: Mapping, op: Peek) -> Result:
    """Read by write(2) to a pipe: all, or EFAULT; copy_page_from_iter()."""
    if raised(state, mapping, op.off, op.len, write=False):
        return Errno("EFAULT")
    return Data(mapping.read(state.memory, op.off, op.len))


def _copy_in(state: State, mapping: Mapping, op: Poke) -> Result:
    """Write by read(2) from a pipe, pipe_read(): all, or EFAULT.

    What comes before the page that is refused has been stored all the same.
    """
    fault = raised(state, mapping, op.off, len(op.data), write=True)
    done = len(op.data) if fault is None else fault.off - op.off
    mapping.write(state.memory, op.off, op.data[:done])
    return Value(done) if fault is None else Errno("EFAULT")


# --------------------------------------------------------------- pages


def _is_there(state: State, vma: Vma, index: int) -> bool:
    """Tell whether a page is there, or a fault brings it."""
    gone = index in vma.gone or vma.beyond(index, state.page)
    return not gone or index in vma.private
