"""What a process tells the kernel of its mappings: madvise."""

from collections.abc import Callable

from mmapkit.errors import ModelError
from mmapkit.grades import DOFORK, WILLNEED
from mmapkit.model.mapping import Mapping
from mmapkit.model.residence import bring
from mmapkit.model.state import State
from mmapkit.model.vma import Vma
from mmapkit.program import Madvise, Prot
from mmapkit.verdict import Errno, Ok, Result

#: the flags that a VMA gets, or why not
_Flags = Callable[[State, Vma], frozenset[str] | Errno]


def madvise(state: State, mapping: Mapping, length: int, op: Madvise) -> Result:
    """Follow advice, VMA by VMA; madvise(2), madvise_walk_vmas().

    A hole is an error, but what lies behind it is done; the first other error is
    the end.
    """
    if op.advice not in state.traits.advices:
        return Errno("EINVAL")
    if op.off % state.page:
        return Errno("EINVAL")
    first = mapping.index(op.off)
    end = first + state.page_up(length) // state.page
    if op.advice in ("populate_read", "populate_write"):
        return _populate(state, mapping, first, end, write=op.advice.endswith("write"))
    for vma in mapping.island.within(first, end):
        start, stop = max(first, vma.first), min(end, vma.end)
        refusal = None
        if op.advice in _FLAGS:
            flags = _FLAGS[op.advice](state, vma)
            if isinstance(flags, Errno):
                refusal = flags
            elif flags != vma.flags:
                # Only a VMA that changes is split: madvise_update_vma().
                for part in mapping.island.carve(start, stop, state.page):
                    part.flags = flags
        elif op.advice in _PAGES:
            refusal = _PAGES[op.advice](vma, range(start, stop))
        if refusal is not None:
            return refusal
    return Ok() if mapping.island.whole(first, end) else Errno("ENOMEM")


def _populate(
    state: State, mapping: Mapping, first: int, end: int, *, write: bool
) -> Result:
    """Do MADV_POPULATE_READ or _WRITE; madvise_populate(), check_vma_flags()."""
    if not mapping.island.whole(first, end):
        raise ModelError("madvise: kernels differ in what is populated behind a hole")
    for vma in mapping.island.within(first, end):
        if vma.kind.io or vma.kind.pfnmap:
            return Errno("EINVAL")
        if (Prot.W if write else Prot.R) not in vma.prot:
            return Errno("EINVAL")
        start, stop = max(first, vma.first), min(end, vma.end)
        if not bring(state, vma, start, stop, write=write):
            return Errno("EFAULT")
    return Ok()


def _dontneed(vma: Vma, pages: range) -> Errno | None:
    """Drop PTEs, and with them private copies; madvise_dontneed_free().

    A page that a driver had mapped by itself does not come back: without a
    .fault, do_fault() raises SIGBUS.
    """
    if vma.kind.pfnmap or "locked" in vma.flags:
        return Errno("EINVAL")
    for index in pages:
        vma.private.pop(index, None)
    vma.touched.difference_update(pages)
    vma.perhaps.difference_update(pages)
    if vma.kind.eager:
        vma.gone.update(pages)
    return None


def _free(vma: Vma, _: range) -> Errno | None:
    """MADV_FREE is for private anonymous memory, which may then be lost or not."""
    if vma.kind.pfnmap or "locked" in vma.flags or vma.offset is not None:
        return Errno("EINVAL")
    raise ModelError("madvise: free leaves the content to chance")


def _lru(vma: Vma, pages: range) -> Errno | None:
    """MADV_COLD and MADV_PAGEOUT are for pages on the LRU; can_madv_lru_vma()."""
    if vma.kind.pfnmap or "locked" in vma.flags:
        return Errno("EINVAL")
    vma.perhaps |= vma.touched.intersection(pages)
    return None


_PAGES: dict[str, Callable[[Vma, range], Errno | None]] = {
    "dontneed": _dontneed,
    "free": _free,
    "cold": _lru,
    "pageout": _lru,
}


def _change(add: str = "", remove: str = "") -> _Flags:
    def rule(_: State, vma: Vma) -> frozenset[str]:
        return vma.flags - frozenset(remove.split()) | frozenset(add.split())

    return rule


def _dofork(state: State, vma: Vma) -> frozenset[str] | Errno:
    """Refused for VM_IO; since 6.15 or so for all of VM_SPECIAL."""
    refusal = Errno("EINVAL")
    if vma.kind.io or (
        # What is let through may still end at a hole.
        vma.kind.special and state.choose(DOFORK, Ok(), refusal) == refusal
    ):
        return refusal
    return vma.flags - {"dontfork"}


def _willneed(state: State, vma: Vma) -> frozenset[str] | Errno:
    """A kernel without swap has nowhere to read ahead from; madvise_willneed()."""
    refusal = Errno("EBADF")
    if not vma.kind.file and state.choose(WILLNEED, Ok(), refusal) == refusal:
        return refusal
    return vma.flags


def _wipeonfork(_: State, vma: Vma) -> frozenset[str] | Errno:
    if vma.kind.file or vma.shared:
        return Errno("EINVAL")
    return vma.flags | {"wipeonfork"}


def _dodump(_: State, vma: Vma) -> frozenset[str] | Errno:
    return Errno("EINVAL") if vma.kind.special else vma.flags - {"dontdump"}


# What is in none of the tables changes nothing that a program can see.
_FLAGS: dict[str, _Flags] = {
    "normal": _change(remove="random sequential"),
    "random": _change(add="random", remove="sequential"),
    "sequential": _change(add="sequential", remove="random"),
    "dontfork": _change(add="dontfork"),
    "dofork": _dofork,
    "willneed": _willneed,
    "wipeonfork": _wipeonfork,
    "keeponfork": _change(remove="wipeonfork"),
    "dontdump": _change(add="dontdump"),
    "dodump": _dodump,
    "hugepage": _change(add="hugepage", remove="nohugepage"),
    "nohugepage": _change(add="nohugepage", remove="hugepage"),
}
