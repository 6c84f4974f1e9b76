"""How many page faults an access takes.

One a page that has no PTE, and one more where the first leaves a PTE that does not
let the store through: handle_pte_fault() in mm/memory.c. What mmap() has made whole
faults for nothing but copies.
"""

from mmapkit.model.covered import note_shapes, sort_of
from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import by_page
from mmapkit.model.residence import present
from mmapkit.model.state import State
from mmapkit.model.vma import Vma
from mmapkit.program import Operation


def _price(state: State, vma: Vma, index: int, *, write: bool) -> tuple[int, int]:
    """Return how many faults an access to one page takes, at least and at most."""
    if not vma.kind.special:
        # Huge pages and those around save faults, khugepaged may add one.
        return 0, 2
    copies = write and not vma.shared
    if index in vma.private:
        if not copies:
            return 0, 0
        # copy_present_pte(): fork protects them. mprotect() may have, too.
        return (1, 1) if vma.copies[index] in state.memory.forked else (0, 1)
    there = present(vma, index)
    least = most = 0 if there else 1
    if there is None or (not there and vma.kind.around):
        least = 0
    if copies:
        # do_cow_fault() copies at once; a PFN has to be there to be copied.
        least, most = 1, 1 if vma.kind.pages else 1 + most
    return least, most


def _kind(state: State, vma: Vma, index: int, *, write: bool) -> str:
    """Return what sort of fault an access that is let through raises, if any."""
    copies = write and not vma.shared
    if index in vma.private:
        forked = copies and vma.copies[index] in state.memory.forked
        return "wp" if forked else "none"
    there = present(vma, index)
    if there is None:
        return "perhaps"
    if copies:
        # do_wp_page() of what is there, do_cow_fault() of what is not.
        return "wp" if there else "cow"
    if there:
        return "none"
    return "write" if write else "read"


def note_refusal(state: State, mapping: Mapping, off: int, signal: str) -> None:
    """Count an access that is refused there."""
    vma = mapping.vma(off)
    state.covered["fault", sort_of(vma), signal] += 1
    if vma is not None:
        note_shapes(state.covered, vma)


class Bill:
    """The faults of one access, which may be to many pages."""

    def __init__(self, state: State, op: Operation) -> None:
        self._state = state
        self._task = state.tasks[op.proc]
        self._task.faults = None
        self._least = self._most = 0

    def add(self, mapping: Mapping, off: int, length: int, *, write: bool) -> None:
        """Count for bytes that are about to be touched."""
        covered, known, sort = self._state.covered, None, ""
        for at, _ in by_page(off, length, self._state.page):
            vma, index = mapping.vma(at), mapping.index(at)
            assert vma is not None
            if vma is not known:
                note_shapes(covered, vma)
                known, sort = vma, sort_of(vma)
            covered["fault", sort, _kind(self._state, vma, index, write=write)] += 1
            least, most = _price(self._state, vma, index, write=write)
            self._least += least
            self._most += most

    def settle(self) -> None:
        """The access was let through."""
        self._task.faults = self._least, self._most
