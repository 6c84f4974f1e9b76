"""What comes and goes: objects behind nodes, and the module of the driver.

A file holds the object that was opened, and so does each VMA of it, in whatever
process: f_op->release is called when the last of them is gone (fput()). An object
that was revoked is still held, but gives nothing any more.
"""

from mmapkit.errors import ModelError
from mmapkit.model.residence import present
from mmapkit.model.state import State
from mmapkit.model.vma import UNKNOWN, Origin, Vma
from mmapkit.program import Change, Ready, Request, Rmmod
from mmapkit.target import Node
from mmapkit.verdict import Errno, Ok, Result


def request(state: State, op: Request) -> Result:
    """Make an object, or take it away; Documentation/driver.rst, region-new, -del."""
    for part in PARTS:
        result = part(state, op)
        if result is not None:
            return result
    raise AssertionError("a request comes to something")


def _begin(state: State, op: Request) -> Result | None:
    """Refuse a request, or make an object; what is to go can be opened no more."""
    ask = op.message
    if not isinstance(ask, Ready):
        raise ModelError("request: nobody knows what a message spelled out is about")
    state.target.request(ask)
    node = state.target.node(ask.path)
    if node is None:
        raise ModelError(f"the model knows no file {ask.path}")
    # genl_rcv_msg(): the family went with the module.
    if not state.loaded:
        return Errno("ENOENT")
    if "sys_rawio" in state.tasks[op.proc].dropped:
        return Errno("EPERM")
    if ask.change is Change.MAKE:
        return _make(state, node)
    origin = state.origin(node.path)
    if origin is None:
        return Errno("ENOENT")
    if not node.removable:
        return Errno("EPERM")
    if ask.change is Change.DELETE and _held(state, origin):
        return Errno("EBUSY")
    state.leaving[op.proc] = origin
    return None


def _make(state: State, node: Node) -> Result:
    if state.origin(node.path) is not None:
        return Errno("EEXIST")
    number = state.objects.get(node.path, (0, True))[0] + 1
    state.objects[node.path] = number, True
    if not node.lent:
        state.starts[node.path, number] = state.memory.own()
    return Ok()


def _take_node(state: State, op: Request) -> Result | None:
    """Take the node away; with that, a deletion is over."""
    path, number = state.leaving[op.proc]
    state.objects[path] = number, False
    assert isinstance(op.message, Ready)
    if op.message.change is Change.REVOKE:
        return None
    del state.leaving[op.proc]
    return Ok()


def _stop(state: State, op: Request) -> None:
    """Let nothing begin: no mmap, no read, no fault. PTEs stay as they are."""
    origin = state.leaving[op.proc]
    state.revoked.add(origin)
    for vma in _vmas(state):
        if vma.origin == origin:
            pages = range(vma.first, vma.end)
            fresh = UNKNOWN in vma.flags and not vma.kind.eager
            vma.gone.update(i for i in pages if fresh or present(vma, i) is False)


def _empty_all(state: State, op: Request) -> Result:
    """Let no page be there, but in VMAs that mm does not know yet."""
    origin = state.leaving.pop(op.proc)
    for vma in _vmas(state):
        if vma.origin == origin and UNKNOWN not in vma.flags:
            _empty(vma)
    return Ok()


#: what a request does, one after the other; each by itself is atomic. Of the first
#: two nobody comes in between with another request: memphys_lock
PARTS = (_begin, _take_node, _stop, _empty_all)


def _empty(vma: Vma) -> None:
    """Let no page be there, and none come.

    unmap_mapping_range() with even_cows: private copies go, too.
    """
    vma.private.clear()
    vma.copies.clear()
    vma.touched.clear()
    vma.perhaps.clear()
    vma.past |= {"revoked"}
    vma.gone.update(range(vma.first, vma.end))


def rmmod(state: State, op: Rmmod) -> Result:
    """Unload the driver; delete_module(2), O_NONBLOCK: EWOULDBLOCK while in use.

    With the module go its nodes, and objects that nobody holds.
    """
    if op.module != state.target.module:
        raise ModelError(f"rmmod: the model knows nothing of {op.module}")
    if not state.loaded:
        return Errno("ENOENT")
    if _held(state, None):
        return Errno("EAGAIN")
    state.loaded = False
    return Ok()


def _held(state: State, wanted: Origin | None) -> bool:
    """Tell whether an object is held; None: any."""
    held = [vma.origin for vma in _vmas(state)]
    for process in state.processes():
        if state.tasks[process.leader].alive:
            held += [file.origin for file in process.files.values()]
    return any(o is not None and (wanted is None or o == wanted) for o in held)


def _vmas(state: State) -> list[Vma]:
    """Return the VMAs of the processes that are there."""
    return [
        vma
        for process in state.processes()
        if state.tasks[process.leader].alive
        for island in process.islands
        for vma in island.vmas
    ]
