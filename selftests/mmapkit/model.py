"""The oracle: what Linux and a correct driver must do with a program.

Pure Python, no I/O. It answers with the result of every operation, and knows
every byte. Each rule names where it comes from: do_mmap() and the like are
functions of the kernel (mm/mmap.c, mm/mprotect.c, fs/read_write.c), read in
6.1, 6.12 and 7.3 and the same in all of them unless said otherwise.

Mappings lie apart, the agent sees to it, so each has an address space of its
own here: offsets in bytes from its start, pages counted from there.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from mmapkit.content import CHUNK, digest, digest_of_chunks, pattern, shuffle_stride
from mmapkit.errors import ModelError
from mmapkit.program import (
    MAX_DATA,
    MAX_RANGE,
    U64,
    Close,
    Digest,
    Drop,
    Fill,
    Fork,
    Load,
    Mmap,
    Mprotect,
    Munmap,
    OnMapping,
    OnRange,
    Open,
    Operation,
    Order,
    Peek,
    Poke,
    Pread,
    Program,
    Prot,
    Pwrite,
    Sharing,
    Store,
    Wait,
)
from mmapkit.state import File, Mapping, Memory, Process, parts
from mmapkit.target import Node, Target
from mmapkit.verdict import (
    Data,
    Digested,
    Errno,
    Ok,
    Outcome,
    Result,
    Signal,
    Value,
    Void,
)

#: bytes of nothing that a program may count on, on both sides of a mapping
ROOM = 16 << 20


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a program has to come to, and the bytes that it changes.

    dirty has the offset of every page of the device that was written to, in
    bytes.
    """

    outcome: Outcome
    dirty: frozenset[int]


class _Run:
    """One program on its way."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.traits = target.traits
        self.page = target.traits.page_size
        self.memory = Memory(target)
        self.processes = {0: Process(None)}

    def step(self, op: Operation) -> Result:
        process = self.processes.get(op.proc)
        if process is None or not process.alive:
            return Void()
        match op:
            case Fork():
                return self._fork(process, op)
            case Wait():
                return self._wait(op)
            case Drop():
                process.dropped.add(op.capability)
                return Ok()
            case Open():
                return self._open(process, op)
            case Close():
                return Ok() if process.files.pop(op.file, None) else Errno("EBADF")
            case Mmap():
                return self._mmap(process, op)
            case Pread():
                return self._pread(process, op)
            case Pwrite():
                return self._pwrite(process, op)
            case OnMapping():
                mapping = process.maps.get(op.map)
                return Void() if mapping is None else self._on_mapping(mapping, op)
        raise ModelError(f"the model has no rule for {op.word}")

    # ------------------------------------------------------------ processes

    def _fork(self, process: Process, op: Fork) -> Result:
        if op.peer in self.processes:
            return Void()
        if not self.traits.tracked_forks and any(
            map(_start_copied, process.maps.values())
        ):
            return Errno("ENOMEM")
        self.processes[op.peer] = process.fork(op.proc)
        return Ok()

    def _wait(self, op: Wait) -> Result:
        child = self.processes.get(op.peer)
        if child is None or not child.alive or child.parent != op.proc:
            return Void()
        child.alive = False
        return Ok()

    # ---------------------------------------------------------------- files

    def _open(self, process: Process, op: Open) -> Result:
        node = self.target.node(op.path)
        if node is None:
            raise ModelError(f"the model knows no file {op.path}")
        # The agent closes what it had under that handle in any case.
        process.files.pop(op.file, None)
        # Raw memory: as open_port() of drivers/char/mem.c.
        if "sys_rawio" in process.dropped:
            return Errno("EPERM")
        process.files[op.file] = File(node, op.mode)
        return Ok()

    def _refuse_range(self, node: Node, off: int, length: int) -> bool:
        """Tell whether a range, in bytes and not wrapped, leaves the device."""
        limit = self.target.limit if node.size is None else node.size
        return off + length > limit

    def _pread(self, process: Process, op: Pread) -> Result:
        off = self.target.resolve(op.off)
        # ksys_pread64(): the sign of the offset, then the file.
        if off >> 63:
            return Errno("EINVAL")
        file = process.files.get(op.file)
        if file is None or not file.readable:
            return Errno("EBADF")
        if refusal := self._refuse_transfer(file.node, off, op.len):
            return refusal
        start = file.node.start + off
        parts = [self.memory.read(at, n) for at, n in self._by_page(start, op.len)]
        data = b"".join(parts)
        if len(data) <= MAX_DATA:
            return Data(data)
        return Digested(len(data), digest(data))

    def _pwrite(self, process: Process, op: Pwrite) -> Result:
        off = self.target.resolve(op.off)
        if off >> 63:
            return Errno("EINVAL")
        file = process.files.get(op.file)
        if file is None or not file.writable:
            return Errno("EBADF")
        if refusal := self._refuse_transfer(file.node, off, op.len):
            return refusal
        data = op.data
        if data is None:
            data = pattern(op.len, op.seed, op.off.delta)
        start = file.node.start + off
        for at, n in self._by_page(start, op.len):
            self.memory.write(at, data[at - start : at - start + n])
        return Value(op.len)

    def _refuse_transfer(self, node: Node, off: int, length: int) -> Errno | None:
        if node.owns:
            return Errno("ENXIO")
        if length and self._refuse_range(node, off, length):
            return Errno("EINVAL")
        return None

    def _by_page(self, start: int, length: int) -> Iterator[tuple[int, int]]:
        return parts(start, length, self.page)

    # ------------------------------------------------------------- mappings

    def _mmap(self, process: Process, op: Mmap) -> Result:
        result = self._refuse_mmap(process, op)
        process.maps.pop(op.map, None)
        if result is not None:
            return result

        file = process.files[op.file]
        shared = op.flags is Sharing.SHARED
        may = Prot.R | Prot.X
        # do_mmap(): a shared mapping of a file that is not open for writing
        # loses VM_MAYWRITE; a private one keeps it.
        if file.writable or not shared:
            may |= Prot.W
        if self.traits.noexec:
            may &= ~Prot.X
        size = self._page_up(op.len)
        start = self.memory.own() if file.node.owns else file.node.start
        process.maps[op.map] = Mapping(
            op.map,
            start + self.target.resolve(op.off),
            size,
            shared,
            file.node.tracked,
            may,
            [op.prot] * (size // self.page),
        )
        return Ok()

    def _page_up(self, length: int) -> int:
        return -(-length // self.page) * self.page

    def _refuse_mmap(self, process: Process, op: Mmap) -> Result | None:
        """Apply the checks of sys_mmap(), do_mmap() and the driver, in order."""
        off = self.target.resolve(op.off)
        size = self._page_up(op.len)
        file = process.files.get(op.file)
        if off % self.page:
            return Errno("EINVAL")
        if file is None:
            return Errno("EBADF")
        if op.len == 0:
            return Errno("EINVAL")
        if size > self.traits.address_space:
            return Errno("ENOMEM")
        # file_mmap_ok(): the last byte has to have an offset.
        if off // self.page > (U64 - size) // self.page:
            return Errno("EOVERFLOW")
        if op.flags is Sharing.SHARED and Prot.W in op.prot and not file.writable:
            return Errno("EACCES")
        if not file.readable:
            return Errno("EACCES")
        if self.traits.noexec and Prot.X in op.prot:
            return Errno("EPERM")
        # mmap_region(): memory that copies may need is accounted for before
        # the driver is asked.
        private_writable = op.flags is Sharing.PRIVATE and Prot.W in op.prot
        if private_writable and size > self.traits.commit:
            return Errno("ENOMEM")
        if self._refuse_range(file.node, off, size):
            return Errno("EINVAL")
        return None

    def _on_mapping(self, mapping: Mapping, op: OnMapping) -> Result:
        length = self._length(mapping, op)
        if op.off < -ROOM or op.off + length > mapping.size + ROOM:
            raise ModelError(f"{op.word}: nobody knows what lies so far away")
        match op:
            case Munmap():
                return self._munmap(mapping, op.off, length)
            case Mprotect():
                return self._mprotect(mapping, op.off, length, op.prot)
            case Load():
                return self._load(mapping, op.off, op.width)
            case Store():
                data = (op.value & ((1 << 8 * op.width) - 1)).to_bytes(
                    op.width, "little"
                )
                return self._store(mapping, op.off, data)
            case Peek():
                return self._peek(mapping, op.off, length)
            case Poke():
                return self._poke(mapping, op.off, op.data)
            case Fill() | Digest():
                if length > MAX_RANGE:
                    return Errno("E2BIG")
                return self._visit(mapping, op, length)
        raise ModelError(f"the model has no rule for {op.word}")

    def _length(self, mapping: Mapping, op: OnMapping) -> int:
        """Return how many bytes an operation is about."""
        match op:
            case Load() | Store():
                return op.width
            case Peek():
                return op.len
            case Poke():
                return len(op.data)
        assert isinstance(op, OnRange)
        length = op.len
        if length is None:
            length = mapping.size - op.off if 0 <= op.off < mapping.size else 0
        if isinstance(op, Fill | Digest):
            length -= length % op.width
        return length

    def _munmap(self, mapping: Mapping, off: int, length: int) -> Result:
        # do_vmi_munmap(): alignment and length; holes are no error.
        if off % self.page or length == 0:
            return Errno("EINVAL")
        first = off // self.page
        end = first + self._page_up(length) // self.page
        mapping.split(first, end)
        for index in range(first, end):
            if 0 <= index < len(mapping.prots):
                mapping.prots[index] = None
                mapping.private.pop(index, None)
        return Ok()

    def _mprotect(self, mapping: Mapping, off: int, length: int, prot: Prot) -> Result:
        # do_mprotect_pkey(): VMA by VMA; what lies before the first hole, or
        # the first refusal, is changed.
        if off % self.page:
            return Errno("EINVAL")
        index = off // self.page
        end = index + self._page_up(length) // self.page
        while index < end:
            if not 0 <= index < len(mapping.prots) or mapping.prots[index] is None:
                return Errno("ENOMEM")
            if prot & ~mapping.may:
                return Errno("EACCES")
            # mprotect_fixup(): a VMA that has that protection is left alone.
            _, vma_end = mapping.vma(index)
            stop = min(end, vma_end)
            if mapping.prots[index] != prot:
                mapping.split(index, stop)
                mapping.prots[index:stop] = [prot] * (stop - index)
            index = stop
        return Ok()

    # --------------------------------------------------------------- access

    def _fault(
        self, mapping: Mapping, off: int, length: int, write: bool
    ) -> Signal | None:
        """Return the signal of one access, None when it is let through.

        The address is the first byte of it that is refused.
        """
        for at, _ in self._by_page(off, length):
            index = at // self.page
            if not 0 <= index < len(mapping.prots):
                return Signal("SIGSEGV", mapping.number, at, "MAPERR")
            prot = mapping.prots[index]
            if prot is None:
                return Signal("SIGSEGV", mapping.number, at, "MAPERR")
            if prot == Prot.X and not self.traits.exec_reads:
                return Signal("SIGSEGV", mapping.number, at, "PKUERR")
            # access_error(): anything but PROT_NONE can be read.
            if not prot or (write and Prot.W not in prot):
                return Signal("SIGSEGV", mapping.number, at, "ACCERR")
        return None

    def _read(self, mapping: Mapping, off: int, length: int) -> bytes:
        pages = self._by_page(off, length)
        found = [mapping.read(self.memory, at, n) for at, n in pages]
        return found[0] if len(found) == 1 else b"".join(found)

    def _write(self, mapping: Mapping, off: int, data: bytes) -> None:
        for at, n in self._by_page(off, len(data)):
            mapping.write(self.memory, at, data[at - off : at - off + n])

    def _attempt(self, mapping: Mapping, off: int, fault: Signal) -> Signal:
        """Do what one store does before it is refused.

        The kernel makes the first page of one that crosses writable, that is
        a copy of a private one (do_wp_page(), do_cow_fault()), before the next
        page refuses it.
        """
        if not mapping.shared:
            self._write(mapping, off, self._read(mapping, off, fault.off - off))
        return fault

    def _load(self, mapping: Mapping, off: int, width: int) -> Result:
        if fault := self._fault(mapping, off, width, write=False):
            return fault
        return Value(int.from_bytes(self._read(mapping, off, width), "little"))

    def _store(self, mapping: Mapping, off: int, data: bytes) -> Result:
        if fault := self._fault(mapping, off, len(data), write=True):
            return self._attempt(mapping, off, fault)
        self._write(mapping, off, data)
        return Ok()

    def _reach(self, mapping: Mapping, off: int, length: int, need: Prot) -> int:
        """Return how many of the bytes the kernel gets at from outside.

        mem_rw() in fs/proc/base.c: page by page, up to the first that is refused.
        """
        done = 0
        for at, n in self._by_page(off, length):
            index = at // self.page
            prot = mapping.prots[index] if 0 <= index < len(mapping.prots) else None
            if prot is None or need not in prot:
                break
            done += n
        return done

    def _peek(self, mapping: Mapping, off: int, length: int) -> Result:
        # FOLL_FORCE: the protection does not matter, as no VMA here was made
        # without VM_MAYREAD.
        done = self._reach(mapping, off, length, Prot.NONE)
        return Data(self._read(mapping, off, done)) if done else Errno("EIO")

    def _poke(self, mapping: Mapping, off: int, data: bytes) -> Result:
        if not mapping.shared:
            raise ModelError("poke: get_user_pages() copies private pages, not PFNs")
        # check_vma_flags() in mm/gup.c: FOLL_FORCE is for mappings that copy.
        done = self._reach(mapping, off, len(data), Prot.W)
        if not done:
            return Errno("EIO")
        self._write(mapping, off, data[:done])
        return Value(done)

    def _visit(self, mapping: Mapping, op: Fill | Digest, length: int) -> Result:
        """Do fill and digest, chunk by chunk."""
        count = -(-length // CHUNK)
        crcs = [0] * count
        for number in _visiting(op.order, count):
            start = op.off + number * CHUNK
            size = min(CHUNK, op.off + length - start)
            fault = self._fault(mapping, start, size, isinstance(op, Fill))
            if isinstance(op, Fill):
                done = size if fault is None else fault.off - start
                done -= done % op.width
                self._write(mapping, start, pattern(done, op.seed, start))
                if fault is not None:
                    self._attempt(mapping, start + done, fault)
            elif fault is None:
                crcs[number] = zlib.crc32(self._read(mapping, start, size))
            if fault is not None:
                return fault
        if isinstance(op, Fill):
            return Ok()
        return Digested(length, digest_of_chunks(crcs))


def _start_copied(mapping: Mapping) -> bool:
    """Tell whether a VMA of a tracked mapping begins with a private copy."""
    return mapping.tracked and any(start in mapping.private for start in mapping.starts)


def _visiting(order: Order, count: int) -> Iterator[int]:
    match order:
        case Order.FORWARD:
            yield from range(count)
        case Order.BACKWARD:
            yield from range(count - 1, -1, -1)
        case Order.SHUFFLED:
            stride = shuffle_stride(count) if count else 0
            yield from (i * stride % count for i in range(count))


class Model:
    """What a target has to do with programs."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def expect(self, program: Program) -> Expectation:
        """Return what a program has to come to, from the content of the target now.

        ModelError: the program asks for something that the model cannot know.
        """
        run = _Run(self.target)
        results = tuple(run.step(op) for op in program)
        return Expectation(Outcome(results), run.memory.dirty)

    def run(self, program: Program) -> Outcome:
        """Return the outcome that a program has to have."""
        return self.expect(program).outcome
