"""Programs: short lists of memory operations, as data and as text.

A program is plain text, one operation a line, and that text is everything: it
goes over the wire to the agent, it is what a failure report shows, and what a
regression case is. This module holds the data; grammar.py reads and writes the
text, and nothing here knows of machines, models or drivers.

Handles stand for what only exists at run time: f0 for an open file, m0 for a
mapping, p0 for a process or a thread. A place in a mapping is a handle and an offset in
bytes, so a program does not depend on addresses; a file offset may be relative
to a name that the machine under test gives a value, so it does not depend on
where memory lies, either.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from enum import Enum, Flag
from typing import ClassVar

MAX_OPERATIONS = 512
MAX_FILES = 32
MAX_MAPS = 64
MAX_PROCS = 16
MAX_PATH = 127
#: MODULE_NAME_LEN of the kernel, less the end
MAX_MODULE = 55
#: the largest number of an allocation; the kernel takes an int
MAX_NTH = (1 << 31) - 1
#: bytes that an operation or a result spells out
MAX_DATA = 256
#: pages that one operation looks at
MAX_LOOK = 32
#: bytes that ptrace(2) moves at once
WORD = 8
#: bytes that one pread or pwrite may move
MAX_TRANSFER = 4 << 20
#: bytes that one fill or digest may visit; the agent refuses more with E2BIG
MAX_RANGE = 1 << 30
WIDTHS = (1, 2, 4, 8)
U64 = (1 << 64) - 1


class Mode(Enum):
    """How a file is opened; open(2)."""

    RDONLY = "rdonly"
    WRONLY = "wronly"
    RDWR = "rdwr"


class Prot(Flag):
    """Memory protection; mmap(2)."""

    NONE = 0
    R = 1
    W = 2
    X = 4

    def __str__(self) -> str:
        letters = (("r", Prot.R), ("w", Prot.W), ("x", Prot.X))
        return "".join(c for c, bit in letters if bit in self) or "none"


class Sharing(Enum):
    """Who sees a store to a mapping; mmap(2)."""

    SHARED = "shared"
    PRIVATE = "private"


class MapFlag(Flag):
    """What else mmap(2) is asked for; NOREPLACE is MAP_FIXED_NOREPLACE."""

    NONE = 0
    FIXED = 1
    NOREPLACE = 2
    POPULATE = 4
    LOCKED = 8
    NORESERVE = 16


class RemapFlag(Flag):
    """How mremap(2) may go about it."""

    NONE = 0
    MAYMOVE = 1
    FIXED = 2
    DONTUNMAP = 4


class SyncFlag(Enum):
    """What msync(2) is to do."""

    SYNC = "sync"
    ASYNC = "async"
    INVALIDATE = "invalidate"


class Via(Enum):
    """Which way the kernel takes to the memory of a program."""

    MEM = "mem"
    WRITE = "write"
    READ = "read"
    READV = "readv"
    WRITEV = "writev"
    PTRACE = "ptrace"
    SPLICE = "splice"


class Order(Enum):
    """In which order fill and digest visit the chunks of their range."""

    FORWARD = "forward"
    BACKWARD = "backward"
    SHUFFLED = "shuffled"


@dataclass(frozen=True, slots=True)
class Offset:
    """A file offset in bytes: delta from the start of base, or from 0.

    The delta may be negative when there is a base ("end-0x1000").
    """

    delta: int
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """An address: off bytes, may be negative, from the start of a mapping."""

    map: int
    off: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One line of a program; proc is the number of the task that runs it."""

    word: ClassVar[str]
    proc: int = 0


@dataclass(frozen=True, slots=True)
class Open(Operation):
    """open(2) of path, which names no file that open would create."""

    word = "open"
    file: int
    path: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Close(Operation):
    """close(2)."""

    word = "close"
    file: int


@dataclass(frozen=True, slots=True)
class Memfd(Operation):
    """A file of len bytes that are zero, in memory alone; memfd_create(2)."""

    word = "memfd"
    file: int
    len: int


@dataclass(frozen=True, slots=True)
class Mmap(Operation):
    """mmap(2); off and len in bytes, passed to the kernel as they are.

    file: None for memory of nobody, MAP_ANONYMOUS. at is the address, or the hint
    of one; without it the agent asks for an address with at least 16 MiB of
    nothing on both sides.
    """

    word = "mmap"
    map: int
    file: int | None
    off: Offset
    len: int
    prot: Prot
    flags: Sharing
    extra: MapFlag = MapFlag.NONE
    at: Place | None = None


@dataclass(frozen=True, slots=True)
class OnMapping(Operation):
    """An operation on a mapping; off in bytes from its start, may be negative."""

    map: int
    off: int = 0


@dataclass(frozen=True, slots=True)
class OnRange(OnMapping):
    """An operation on len bytes of a mapping, on the rest of it when None."""

    len: int | None = None


@dataclass(frozen=True, slots=True)
class Munmap(OnRange):
    """munmap(2)."""

    word = "munmap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mprotect(OnRange):
    """mprotect(2)."""

    word = "mprotect"
    prot: Prot


@dataclass(frozen=True, slots=True, kw_only=True)
class Mremap(OnMapping):
    """mremap(2) of len bytes to new bytes; to is the handle of what it becomes.

    at: the new address, with RemapFlag.FIXED and not without.
    """

    word = "mremap"
    to: int
    len: int
    new: int
    flags: RemapFlag = RemapFlag.NONE
    at: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Madvise(OnRange):
    """madvise(2); advice is one of ADVICES."""

    word = "madvise"
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Msync(OnRange):
    """msync(2)."""

    word = "msync"
    flags: frozenset[SyncFlag]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mlock(OnRange):
    """mlock(2)."""

    word = "mlock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Munlock(OnRange):
    """munlock(2)."""

    word = "munlock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mincore(OnRange):
    """mincore(2): a byte for each of at most MAX_DATA pages, 1 or 0."""

    word = "mincore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pagemap(OnRange):
    """The PFN behind each of at most MAX_LOOK pages; proc(5), pagemap.

    A word a page, so with kpageflags and kpagecount: "-" where no PTE is.
    """

    word = "pagemap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpageflags(OnRange):
    """What each page is used for; admin-guide/mm/pagemap.rst, kpageflags."""

    word = "kpageflags"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpagecount(OnRange):
    """How often each page is mapped, as far as the kernel counts; kpagecount."""

    word = "kpagecount"


@dataclass(frozen=True, slots=True)
class Smaps(OnMapping):
    """The flags of the VMA at a place, and its RSS in pages; proc(5), smaps."""

    word = "smaps"


@dataclass(frozen=True, slots=True)
class Faults(Operation):
    """How many page faults the last access of this task took; getrusage(2).

    An access is a load, store, fill or digest; void where it was refused.
    """

    word = "faults"


@dataclass(frozen=True, slots=True)
class Limit(Operation):
    """From here on, the process may map so many bytes more; RLIMIT_AS."""

    word = "limit"
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(OnMapping):
    """One load of width bytes, by one instruction in user mode."""

    word = "load"
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(OnMapping):
    """One store of the low width bytes of value, by one instruction."""

    word = "store"
    width: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(OnRange):
    """Stores of width bytes all over a range; content.py says which bytes."""

    word = "fill"
    width: int = 8
    seed: int = 0
    order: Order = Order.FORWARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest(OnRange):
    """Loads of width bytes all over a range, and a digest of what they gave."""

    word = "digest"
    width: int = 8
    order: Order = Order.FORWARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek(OnMapping):
    """The kernel reads len bytes of a mapping; via is one of PEEK_WAYS.

    proc(5), mem; write(2) into a pipe; process_vm_readv(2); ptrace(2), PEEKDATA,
    whole words; vmsplice(2).
    """

    word = "peek"
    len: int
    via: Via = Via.MEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Poke(OnMapping):
    """The kernel writes data to a mapping; via is one of POKE_WAYS.

    proc(5), mem; read(2) from a pipe; process_vm_writev(2); ptrace(2), POKEDATA,
    whole words.
    """

    word = "poke"
    data: bytes
    via: Via = Via.MEM


@dataclass(frozen=True, slots=True)
class Pread(Operation):
    """pread(2) of len bytes."""

    word = "pread"
    file: int
    off: Offset
    len: int


@dataclass(frozen=True, slots=True)
class Pwrite(Operation):
    """pwrite(2) of data, or of len bytes of pattern seed from off.delta on."""

    word = "pwrite"
    file: int
    off: Offset
    len: int
    seed: int = 0
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Fork(Operation):
    """fork(2): from here on there is a process peer."""

    word = "fork"
    peer: int


@dataclass(frozen=True, slots=True)
class Thread(Operation):
    """pthread_create(3): from here on there is a thread peer in this process.

    It shares files and mappings with the one that made it.
    """

    word = "thread"
    peer: int


@dataclass(frozen=True, slots=True)
class Wait(Operation):
    """Let a child exit, or a thread end, and wait for it to be gone.

    wait(2), pthread_join(3). A process takes its threads with it.
    """

    word = "wait"
    peer: int


@dataclass(frozen=True, slots=True)
class Drop(Operation):
    """Give up a capability, by its name in lower case without CAP_."""

    word = "drop"
    capability: str


@dataclass(frozen=True, slots=True)
class Request(Operation):
    """A generic netlink message, and its ACK.

    It is sent over a socket that nothing else uses; the sequence number is not
    looked at.
    """

    word = "request"
    message: bytes


@dataclass(frozen=True, slots=True)
class Rmmod(Operation):
    """Unload a module, or be told why not; delete_module(2), O_NONBLOCK."""

    word = "rmmod"
    module: str


@dataclass(frozen=True, slots=True)
class FailNth(Operation):
    """The nth memory allocation of the process from here on fails; 0: none.

    The result is what was left of the count of the last time: 0 when that
    allocation has failed. Kernels without fault injection answer ENOENT
    (Documentation/fault-injection/fault-injection.rst, fail-nth).
    """

    word = "fail-nth"
    nth: int


OPERATIONS: tuple[type[Operation], ...] = (
    Open,
    Close,
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
    Rmmod,
    FailNth,
)

#: what tasks there are, and what they may do, is settled before a block
CHANGES_TASKS = (Fork, Thread, Wait, Drop)

#: what the kernel has for a mapping, which differs by the method and the machine
LOOKS = (Pagemap, Kpageflags, Kpagecount, Smaps, Faults)

#: what madvise(2) can be told, in lower case without MADV_
ADVICES = (
    *("normal", "random", "sequential", "willneed", "dontneed", "free", "cold"),
    *("pageout", "dontfork", "dofork", "wipeonfork", "keeponfork", "dontdump"),
    *("dodump", "hugepage", "nohugepage", "populate_read", "populate_write"),
)

PEEK_WAYS = (Via.MEM, Via.WRITE, Via.READV, Via.PTRACE, Via.SPLICE)
POKE_WAYS = (Via.MEM, Via.READ, Via.WRITEV, Via.PTRACE)

CAPABILITIES = ("dac_override", "ipc_lock", "sys_admin", "sys_rawio")


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
        """Return the same program with the path of every open replaced."""
        return replace(
            self,
            operations=tuple(
                replace(op, path=paths(op.path)) if isinstance(op, Open) else op
                for op in self.operations
            ),
        )

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


def program(*operations: Operation) -> Program:
    """Return the program of these operations."""
    return Program(operations)
