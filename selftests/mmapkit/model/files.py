"""Files, and what the kernel itself reads and writes there.

open, close, pread, pwrite.
"""

from dataclasses import replace

from mmapkit.content import digest, pattern
from mmapkit.errors import ModelError
from mmapkit.model.access import raised
from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import by_page
from mmapkit.model.state import File, Process, State, Task
from mmapkit.program import MAX_DATA, Close, Open, Place, Pread, Pwrite
from mmapkit.target import Node
from mmapkit.verdict import Data, Digested, Errno, Ok, Result, Value, Void

#: memory of nobody, by way of a file; zero(4)
ZERO = "/dev/zero"


def open_file(state: State, task: Task, op: Open) -> Result:
    """Open a file of the target; open(2)."""
    if op.path == ZERO:
        task.process.files[op.file] = File(Node(ZERO, "zero"), op.mode, zero=True)
        return Ok()
    node = state.target.node(op.path)
    if node is None:
        raise ModelError(f"the model knows no file {op.path}")
    # The agent closes what it had under that handle in any case.
    task.process.files.pop(op.file, None)
    origin = state.origin(node.path)
    if origin is None:
        return Errno("ENOENT")
    # Raw memory: as open_port() of drivers/char/mem.c.
    if "sys_rawio" in task.dropped:
        return Errno("EPERM")
    if origin in state.leaving.values():
        return Errno("ENODEV")
    if origin in state.starts:
        node = replace(node, start=state.starts[origin])
    task.process.files[op.file] = File(node, op.mode, origin=origin)
    return Ok()


def close_file(process: Process, op: Close) -> Result:
    """Close a file, of which mappings stay; close(2)."""
    return Ok() if process.files.pop(op.file, None) else Errno("EBADF")


def pread(state: State, process: Process, op: Pread) -> Result:
    """Read all that is asked for, or nothing; pread(2)."""
    if op.at is not None and op.at.map not in process.maps:
        return Void()
    start = _start(state, process, op)
    if isinstance(start, Errno):
        return start
    if op.at is not None:
        return _pread_at(state, process, start, op.len, op.at)
    data = state.memory.read(start, op.len)
    if len(data) <= MAX_DATA:
        return Data(data)
    return Digested(len(data), digest(data))


def _pread_at(
    state: State, process: Process, start: int, length: int, to: Place
) -> Result:
    """Copy to memory of the program, page by page of what is read.

    memphys_phys_rw(): the first page that cannot be copied is the end. What
    copy_to_user() has stored of it by then is nobody's to say.
    """
    mapping = process.maps[to.map]
    mapping.check(to.off, length)
    done = 0
    for at, count in by_page(start, length, state.page):
        off = to.off + done
        fault = raised(state, mapping, off, count, write=True)
        if fault is not None and fault.off != off:
            raise ModelError("pread: nobody knows how much of the page has come")
        if fault is not None:
            return Value(done) if done else Errno("EFAULT")
        _refuse_overlap(state, mapping, off, at, count)
        mapping.write(state.memory, off, state.memory.read(at, count))
        done += count
    return Value(done)


def _refuse_overlap(
    state: State, mapping: Mapping, off: int, start: int, length: int
) -> None:
    """Refuse to copy bytes to where some of them are; memcpy() may do anything."""
    for at, count in by_page(off, length, state.page):
        vma, index = mapping.vma(at), mapping.index(at)
        assert vma is not None
        address = vma.address(index, state.page) if vma.shared else None
        if address is None:
            continue
        first = address + at % state.page
        same = first == start + at - off
        if not same and first < start + length and start < first + count:
            raise ModelError("pread: the bytes are copied to where some of them are")


def pwrite(state: State, process: Process, op: Pwrite) -> Result:
    """Write all that is given, or nothing; pwrite(2)."""
    start = _start(state, process, op)
    if isinstance(start, Errno):
        return start
    data = op.data
    if data is None:
        data = pattern(op.len, op.seed, op.off.delta)
    state.memory.write(start, data)
    return Value(op.len)


def _start(state: State, process: Process, op: Pread | Pwrite) -> int | Errno:
    """Return the address that a transfer begins at, or why there is none."""
    off = state.target.resolve(op.off)
    file = process.files.get(op.file)
    # ksys_pread64(): the sign of the offset, then the file.
    if off >> 63:
        return Errno("EINVAL")
    if file is None:
        return Errno("EBADF")
    if not (file.readable if isinstance(op, Pread) else file.writable):
        return Errno("EBADF")
    if file.zero or file.object:
        raise ModelError(f"{op.word}: the model has no rule for such a file")
    if file.origin in state.revoked:
        return Errno("ENODEV")
    if file.node.owns:
        return Errno("ENXIO")
    if op.len and state.beyond(file.node, off, op.len):
        return Errno("EINVAL")
    return file.node.start + off
