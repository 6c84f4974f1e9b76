"""Access by the program itself: load, store, fill, digest.

raised() is for the kernel too, where it copies under the same addresses.
"""

import zlib
from collections.abc import Iterator

from mmapkit.content import CHUNK, digest_of_chunks, pattern, shuffle_stride
from mmapkit.model.faulting import Bill, note_refusal
from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import by_page
from mmapkit.model.state import State
from mmapkit.program import MAX_RANGE, Digest, Fill, Load, Order, Prot, Store
from mmapkit.verdict import Digested, Errno, Ok, Result, Signal, Value


def load(state: State, mapping: Mapping, op: Load) -> Result:
    """Do one load, by one instruction."""
    bill = Bill(state, op)
    if fault := raised(state, mapping, op.off, op.width, write=False):
        return fault
    bill.add(mapping, op.off, op.width, write=False)
    bill.settle()
    data = mapping.read(state.memory, op.off, op.width)
    return Value(int.from_bytes(data, "little"))


def store(state: State, mapping: Mapping, op: Store) -> Result:
    """Do one store, by one instruction: all of it, or none."""
    bill = Bill(state, op)
    if fault := raised(state, mapping, op.off, op.width, write=True):
        return _attempt(state, mapping, op.off, fault)
    bill.add(mapping, op.off, op.width, write=True)
    bill.settle()
    value = op.value & ((1 << 8 * op.width) - 1)
    mapping.write(state.memory, op.off, value.to_bytes(op.width, "little"))
    return Ok()


def fill(state: State, mapping: Mapping, length: int, op: Fill) -> Result:
    """Store all over a range, chunk by chunk; the first refusal is the end."""
    if length > MAX_RANGE:
        return Errno("E2BIG")
    bill = Bill(state, op)
    for number in _visiting(op.order, _chunks(length)):
        start, size = _chunk(op.off, length, number)
        fault = raised(state, mapping, start, size, write=True)
        done = size if fault is None else fault.off - start
        done -= done % op.width
        bill.add(mapping, start, done, write=True)
        mapping.write(state.memory, start, pattern(done, op.seed, start))
        if fault is not None:
            return _attempt(state, mapping, start + done, fault)
    bill.settle()
    return Ok()


def digest(state: State, mapping: Mapping, length: int, op: Digest) -> Result:
    """Load all over a range, chunk by chunk; the digest knows of no order."""
    if length > MAX_RANGE:
        return Errno("E2BIG")
    count = _chunks(length)
    crcs = [0] * count
    bill = Bill(state, op)
    for number in _visiting(op.order, count):
        start, size = _chunk(op.off, length, number)
        if fault := raised(state, mapping, start, size, write=False):
            return fault
        bill.add(mapping, start, size, write=False)
        crcs[number] = zlib.crc32(mapping.read(state.memory, start, size))
    bill.settle()
    return Digested(length, digest_of_chunks(crcs))


def _chunks(length: int) -> int:
    """Return how many chunks a range of so many bytes has."""
    return -(-length // CHUNK)


def _chunk(off: int, length: int, number: int) -> tuple[int, int]:
    """Return the offset and the length of a chunk of a range."""
    start = number * CHUNK
    return off + start, min(CHUNK, length - start)


def _visiting(order: Order, count: int) -> Iterator[int]:
    match order:
        case Order.FORWARD:
            yield from range(count)
        case Order.BACKWARD:
            yield from range(count - 1, -1, -1)
        case Order.SHUFFLED:
            stride = shuffle_stride(count) if count else 0
            yield from (i * stride % count for i in range(count))


def raised(
    state: State, mapping: Mapping, off: int, length: int, *, write: bool
) -> Signal | None:
    """Return the signal of one access, None when it is let through.

    The address is the first byte of it that is refused.
    """
    for at, _ in by_page(off, length, state.page):
        fault = _refuse(state, mapping, at, write=write)
        if fault is not None:
            # Pages before that may have been brought, or not.
            for passed, _ in by_page(off, at - off, state.page):
                vma = mapping.vma(passed)
                assert vma is not None
                vma.perhaps.add(mapping.index(passed))
            name, code = fault
            note_refusal(state, mapping, at, name)
            return Signal(name, mapping.number, at, code)
    return None


def _refuse(
    state: State, mapping: Mapping, off: int, *, write: bool
) -> tuple[str, str] | None:
    """Return the signal, and its code, of an access to one page."""
    vma = mapping.vma(off)
    if vma is None:
        return "SIGSEGV", "MAPERR"
    if vma.prot == Prot.X and not state.traits.exec_reads:
        return "SIGSEGV", "PKUERR"
    # access_error(): anything but PROT_NONE can be read.
    if not vma.prot or (write and Prot.W not in vma.prot):
        return "SIGSEGV", "ACCERR"
    index = mapping.index(off)
    # do_fault(): no .fault, or nothing there in the file.
    if index not in vma.private and (
        index in vma.gone or vma.beyond(index, state.page)
    ):
        return "SIGBUS", "ADRERR"
    return None


def _attempt(state: State, mapping: Mapping, off: int, fault: Signal) -> Signal:
    """Do what one store does before it is refused.

    The kernel makes the first page of one that crosses writable, that is
    a copy of a private one (do_wp_page(), do_cow_fault()), before the next
    page refuses it.
    """
    mapping.own(state.memory, off, fault.off - off)
    return fault
