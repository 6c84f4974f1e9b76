"""Processes: fork, wait, drop."""

from mmapkit.model.state import Process, State
from mmapkit.model.vma import Vma
from mmapkit.program import Drop, Fork, Wait
from mmapkit.verdict import Errno, Ok, Result, Void


def fork(state: State, process: Process, op: Fork) -> Result:
    """Make a child, which has everything, and copies of private pages; fork(2)."""
    if op.peer in state.processes:
        return Void()
    # See Traits.tracked_forks.
    if not state.traits.tracked_forks and any(
        _start_copied(vma) for island in process.islands for vma in island.vmas
    ):
        return Errno("ENOMEM")
    child = state.processes[op.peer] = process.fork(op.proc)
    for island in child.islands:
        # dup_mmap(), VM_DONTCOPY.
        island.vmas = [vma for vma in island.vmas if "dontfork" not in vma.flags]
        for vma in island.vmas:
            _inherit(vma)
    return Ok()


def _inherit(vma: Vma) -> None:
    """Make a VMA the child's.

    Locks are not inherited; pages may be left to faults (vma_needs_copy()).
    """
    vma.flags -= {"locked"}
    vma.perhaps |= vma.touched
    vma.touched = set()
    if "wipeonfork" in vma.flags:
        vma.private.clear()


def _start_copied(vma: Vma) -> bool:
    """Tell whether a VMA of a tracked mapping begins with a private copy."""
    return vma.kind.tracked and vma.first in vma.private and "dontfork" not in vma.flags


def wait(state: State, op: Wait) -> Result:
    """Let a child exit, which takes all that it has with it; wait(2)."""
    child = state.processes.get(op.peer)
    if child is None or not child.alive or child.parent != op.proc:
        return Void()
    child.alive = False
    return Ok()


def drop(process: Process, op: Drop) -> Result:
    """Give up a capability, which nothing gives back; capabilities(7)."""
    process.dropped.add(op.capability)
    return Ok()
