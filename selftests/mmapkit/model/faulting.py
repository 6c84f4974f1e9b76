"""How many page faults an access takes.

One a page that has no PTE, and one more where the first leaves a PTE that does not
let the store through: handle_pte_fault() in mm/memory.c. What mmap() has made whole
faults for nothing but copies.
"""

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


class Bill:
    """The faults of one access, which may be to many pages."""

    def __init__(self, state: State, op: Operation) -> None:
        self._state = state
        self._task = state.tasks[op.proc]
        self._task.faults = None
        self._least = self._most = 0

    def add(self, mapping: Mapping, off: int, length: int, *, write: bool) -> None:
        """Count for bytes that are about to be touched."""
        for at, _ in by_page(off, length, self._state.page):
            vma = mapping.vma(at)
            assert vma is not None
            least, most = _price(self._state, vma, mapping.index(at), write=write)
            self._least += least
            self._most += most

    def settle(self) -> None:
        """The access was let through."""
        self._task.faults = self._least, self._most
