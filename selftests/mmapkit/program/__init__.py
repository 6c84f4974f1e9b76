"""Programs: short lists of memory operations, as data and as text.

A program is plain text, one operation a line, and that text is everything: it
goes over the wire to the agent, it is what a failure report shows, and what a
regression case is. This package holds the data; grammar.py reads and text.py writes
the text, and nothing here knows of machines, models or drivers.

Handles stand for what only exists at run time: f0 for an open file, m0 for a
mapping, p0 for a process or a thread. A place in a mapping is a handle and an offset in
bytes, so a program does not depend on addresses; a file offset may be relative
to a name that the machine under test gives a value, so it does not depend on
where memory lies, either.

vocabulary.py has limits, flags, offsets and places; operations.py those on files and
tasks, mappings.py those on memory. All of them are imported from here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

from mmapkit.program.mappings import (
    Digest,
    Fill,
    Kpagecount,
    Kpageflags,
    Load,
    Madvise,
    Mincore,
    Mlock,
    Mmap,
    Mprotect,
    Mremap,
    Msync,
    Munlock,
    Munmap,
    OnMapping,
    OnRange,
    Pagemap,
    Peek,
    Poke,
    Smaps,
    Store,
    Userfault,
)
from mmapkit.program.operations import (
    Close,
    Drop,
    FailNth,
    Faults,
    Fork,
    Insmod,
    Limit,
    Lseek,
    Memfd,
    Mknod,
    Open,
    Operation,
    Pread,
    Pwrite,
    Request,
    Rmmod,
    Thread,
    Wait,
)
from mmapkit.program.vocabulary import (
    ADVICES,
    CAPABILITIES,
    MAX_DATA,
    MAX_FILES,
    MAX_LOOK,
    MAX_MAPS,
    MAX_MODULE,
    MAX_NTH,
    MAX_OPERATIONS,
    MAX_PATH,
    MAX_PROCS,
    MAX_RANGE,
    MAX_TRANSFER,
    PEEK_WAYS,
    POKE_WAYS,
    U64,
    WIDTHS,
    WORD,
    Answer,
    Change,
    MapFlag,
    Mode,
    Offset,
    Order,
    Place,
    Prot,
    Ready,
    RemapFlag,
    Sharing,
    SyncFlag,
    Via,
    Whence,
)

__all__ = [
    "ADVICES",
    "CAPABILITIES",
    "CHANGES_TASKS",
    "LOOKS",
    "MAX_DATA",
    "MAX_FILES",
    "MAX_LOOK",
    "MAX_MAPS",
    "MAX_MODULE",
    "MAX_NTH",
    "MAX_OPERATIONS",
    "MAX_PATH",
    "MAX_PROCS",
    "MAX_RANGE",
    "MAX_TRANSFER",
    "OPERATIONS",
    "PEEK_WAYS",
    "POKE_WAYS",
    "U64",
    "WIDTHS",
    "WORD",
    "Answer",
    "Change",
    "Close",
    "Digest",
    "Drop",
    "FailNth",
    "Faults",
    "Fill",
    "Fork",
    "Insmod",
    "Kpagecount",
    "Kpageflags",
    "Limit",
    "Load",
    "Lseek",
    "Madvise",
    "MapFlag",
    "Memfd",
    "Mincore",
    "Mknod",
    "Mlock",
    "Mmap",
    "Mode",
    "Mprotect",
    "Mremap",
    "Msync",
    "Munlock",
    "Munmap",
    "Offset",
    "OnMapping",
    "OnRange",
    "Open",
    "Operation",
    "Order",
    "Pagemap",
    "Peek",
    "Place",
    "Poke",
    "Pread",
    "Program",
    "Prot",
    "Pwrite",
    "Ready",
    "RemapFlag",
    "Request",
    "Rmmod",
    "Sharing",
    "Smaps",
    "Store",
    "SyncFlag",
    "Thread",
    "Userfault",
    "Via",
    "Wait",
    "Whence",
    "program",
]

OPERATIONS: tuple[type[Operation], ...] = (
    Open,
    Close,
    Mknod,
    Lseek,
    Memfd,
    Mmap,
    Mremap,
    Munmap,
    Mprotect,
    Madvise,
    Msync,
    Mlock,
    Munlock,
    Mincore,
    Pagemap,
    Kpageflags,
    Kpagecount,
    Smaps,
    Faults,
    Limit,
    Userfault,
    Load,
    Store,
    Fill,
    Digest,
    Peek,
    Poke,
    Pread,
    Pwrite,
    Fork,
    Thread,
    Wait,
    Drop,
    Request,
    Insmod,
    Rmmod,
    FailNth,
)

#: what tasks there are, and what they may do, is settled before a block
CHANGES_TASKS = (Fork, Thread, Wait, Drop)

#: what the kernel has for a mapping, which differs by the method and the machine
LOOKS = (Pagemap, Kpageflags, Kpagecount, Smaps, Faults)


@dataclass(frozen=True, slots=True)
class Program:
    """Operations in the order in which they are carried out.

    But for those of a block, which its tasks begin at once; blocks has the index
    of the first operation of each, and the one behind its last, in order.
    """

    operations: tuple[Operation, ...]
    blocks: tuple[tuple[int, int], ...] = ()

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __len__(self) -> int:
        return len(self.operations)

    def __getitem__(self, index: int) -> Operation:
        return self.operations[index]

    def retarget(self, paths: Callable[[str], str]) -> "Program":
        """Return the same program with every path of a file replaced."""
        return replace(
            self, operations=tuple(_retarget(op, paths) for op in self.operations)
        )

    def asks(self) -> tuple[Ready, ...]:
        """Return what this program asks for by requests that are ready, each once."""
        found = (op.message for op in self.operations if isinstance(op, Request))
        return tuple(dict.fromkeys(ask for ask in found if isinstance(ask, Ready)))

    def looks(self) -> frozenset[int]:
        """Return the indices of operations that look at what the kernel has."""
        return frozenset(
            index for index, op in enumerate(self) if isinstance(op, LOOKS)
        )

    def names(self) -> frozenset[str]:
        """Return the names that file offsets of this program are relative to."""
        offsets = (
            getattr(op, field.name)
            for op in self.operations
            for field in fields(op)
            if field.name == "off"
        )
        return frozenset(
            off.base for off in offsets if isinstance(off, Offset) and off.base
        )


def _retarget(op: Operation, paths: Callable[[str], str]) -> Operation:
    match op:
        case Open():
            return replace(op, path=paths(op.path))
        case Request(message=Ready(change, path)):
            return replace(op, message=Ready(change, paths(path)))
    return op


def program(*operations: Operation) -> Program:
    """Return the program of these operations."""
    return Program(operations)
