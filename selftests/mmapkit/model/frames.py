"""Which page frame is behind which page: what is known, and what can be.

A page of an object has one frame, wherever it is mapped. Where the object lies in
physical memory the frame is known; else it is learnt at first sight, and is then
the same in every mapping. So is that of a private copy, which two processes
share after a fork until one of them stores. No two pages have one frame.
"""

from collections.abc import Iterator

from mmapkit.model.memory import OWN, OWN_STEP
from mmapkit.model.state import State
from mmapkit.model.vma import Vma

#: a page of an object by its address, or a copy by its number
Key = tuple[str, int]


def key_of(vma: Vma, index: int, page: int) -> Key | None:
    """Return what is known of a page by; None: a page of zeros, or of anything."""
    if index in vma.private:
        return "copy", vma.copies[index]
    address = vma.address(index, page)
    return None if address is None else ("page", address)


def frame(state: State, vma: Vma, key: Key) -> int | None:
    """Return the PFN of a page, None while nobody has seen it."""
    what, address = key
    if what == "page":
        if address < state.target.limit:
            return address // state.page
        if vma.kind.contiguous:
            first = address - (address - OWN) % OWN_STEP
            base = state.frames.get(("object", first))
            return None if base is None else base + (address - first) // state.page
    return state.frames.get(key)


def learn(state: State, vma: Vma, key: Key, pfn: int) -> bool:
    """Take a PFN for that of a page; False when it cannot be."""
    if any(
        window.base <= pfn * state.page < window.base + window.size
        for window in state.target.windows
        # What was the memory of an object that has gone may be anybody's.
        if window.path not in state.objects
    ):
        return False
    if pfn in (frame(state, other, known) for other, known in _live(state)):
        return False
    what, address = key
    if what == "page" and vma.kind.contiguous:
        first = address - (address - OWN) % OWN_STEP
        key, pfn = ("object", first), pfn - (address - first) // state.page
    state.frames[key] = pfn
    return True


def holders(state: State) -> Iterator[tuple[Vma, bool]]:
    """Return the VMAs of all processes, and whether that process is there.

    One that has ended may leave its address space for a moment to somebody who
    reads of it in /proc (get_task_mm()), as the watch of the agent does.
    """
    for process in state.processes():
        alive = state.tasks[process.leader].alive
        for island in process.islands:
            for vma in island.vmas:
                yield vma, alive


def _live(state: State) -> Iterator[tuple[Vma, Key]]:
    """Return the pages whose frames are known, and that are mapped somewhere."""
    for vma, alive in holders(state):
        if not alive:
            continue
        for index in vma.private:
            yield vma, ("copy", vma.copies[index])
        if vma.offset is None or vma.offset < state.target.limit:
            continue
        end = vma.offset + vma.count * state.page
        for what, address in state.frames:
            if what == "page" and vma.offset <= address < end:
                yield vma, (what, address)
            elif what == "object" and address <= vma.offset < address + OWN_STEP:
                for number in range(vma.count):
                    yield vma, ("page", vma.offset + number * state.page)
