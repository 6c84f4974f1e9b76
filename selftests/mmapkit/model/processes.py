"""Processes and threads: fork, thread, wait, drop."""

from mmapkit.errors import ModelError
from mmapkit.model.state import State, Task
from mmapkit.model.vma import Vma
from mmapkit.program import Drop, Fork, Thread, Wait
from mmapkit.verdict import Errno, Ok, Result, Void


def fork(state: State, task: Task, op: Fork) -> Result:
    """Make a child, which has everything, and copies of private pages; fork(2)."""
    if op.peer in state.tasks:
        return Void()
    process = task.process
    # See Traits.tracked_forks.
    if not state.traits.tracked_forks and any(
        _start_copied(vma) for island in process.islands for vma in island.vmas
    ):
        return Errno("ENOMEM")
    child = process.copy(op.peer)
    state.tasks[op.peer] = Task(op.proc, child, dropped=task.dropped)
    for island in child.islands:
        # dup_mmap(), VM_DONTCOPY.
        island.vmas = [vma for vma in island.vmas if "dontfork" not in vma.flags]
        for vma in island.vmas:
            state.memory.forked.update(vma.copies.values())
            _inherit(vma)
    return Ok()


def thread(state: State, task: Task, op: Thread) -> Result:
    """Make a thread, which shares all but capabilities; pthread_create(3)."""
    if op.peer in state.tasks:
        return Void()
    if task.process.limit is not None:
        raise ModelError("thread: nobody knows what a thread takes of a limit")
    state.tasks[op.peer] = Task(op.proc, task.process, dropped=task.dropped)
    return Ok()


def _inherit(vma: Vma) -> None:
    """Make a VMA the child's.

    Locks are not inherited; pages may be left to faults (vma_needs_copy()).
    """
    vma.flags -= {"locked"}
    vma.perhaps |= vma.touched
    vma.touched = set()
    vma.past |= {"inherited"}
    if "wipeonfork" in vma.flags:
        vma.private.clear()


def _start_copied(vma: Vma) -> bool:
    """Tell whether a VMA of a tracked mapping begins with a private copy."""
    return vma.kind.tracked and vma.first in vma.private and "dontfork" not in vma.flags


def wait(state: State, op: Wait) -> Result:
    """Let a task end, a process with all its threads; wait(2), pthread_join(3)."""
    child = state.tasks.get(op.peer)
    if child is None or not child.alive or child.parent != op.proc:
        return Void()
    for number, task in state.tasks.items():
        if op.peer in (number, task.process.leader):
            task.alive = False
    return Ok()


def drop(task: Task, op: Drop) -> Result:
    """Give up a capability, which nothing gives back; capabilities(7)."""
    task.dropped |= {op.capability}
    return Ok()
