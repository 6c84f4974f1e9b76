"""Processes: fork, wait, drop."""

from mmapkit.model.mapping import Mapping
from mmapkit.model.state import Process, State
from mmapkit.program import Drop, Fork, Wait
from mmapkit.verdict import Errno, Ok, Result, Void


def fork(state: State, process: Process, op: Fork) -> Result:
    """Make a child, which has everything, and copies of private pages; fork(2)."""
    if op.peer in state.processes:
        return Void()
    # See Traits.tracked_forks.
    if not state.traits.tracked_forks and any(
        map(_start_copied, process.maps.values())
    ):
        return Errno("ENOMEM")
    state.processes[op.peer] = process.fork(op.proc)
    return Ok()


def _start_copied(mapping: Mapping) -> bool:
    """Tell whether a VMA of a tracked mapping begins with a private copy."""
    return mapping.tracked and any(start in mapping.private for start in mapping.starts)


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
