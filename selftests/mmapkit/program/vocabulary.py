"""The words of programs: limits, names of modes and flags, offsets, places."""

from dataclasses import dataclass
from enum import Enum, Flag

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


class Whence(Enum):
    """What a file position is counted from; lseek(2)."""

    SET = "set"
    CUR = "cur"
    END = "end"


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


class Answer(Enum):
    """What a program does about a page fault that it is told of; userfaultfd(2).

    ZEROPAGE gives the page. WAKE does not, but lets who waits for it go on, and
    fault again; NONE has it wait.
    """

    NONE = "none"
    WAKE = "wake"
    ZEROPAGE = "zeropage"


class Order(Enum):
    """In which order fill and digest visit the chunks of their range."""

    FORWARD = "forward"
    BACKWARD = "backward"
    SHUFFLED = "shuffled"


class Change(Enum):
    """What a request that was made ready does to the object behind a node.

    REVOKE takes it away from those who use it, DELETE only from nobody.
    """

    MAKE = "make"
    DELETE = "delete"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Ready:
    """A request that the machine under test has been told the message of.

    So a program says what is to become of which node, and nothing of how.
    """

    change: Change
    path: str


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


#: what madvise(2) can be told, in lower case without MADV_
ADVICES = (
    *("normal", "random", "sequential", "willneed", "dontneed", "free", "cold"),
    *("pageout", "dontfork", "dofork", "wipeonfork", "keeponfork", "dontdump"),
    *("dodump", "hugepage", "nohugepage", "populate_read", "populate_write"),
)

PEEK_WAYS = (Via.MEM, Via.WRITE, Via.READV, Via.PTRACE, Via.SPLICE)
POKE_WAYS = (Via.MEM, Via.READ, Via.WRITEV, Via.PTRACE)

CAPABILITIES = ("dac_override", "ipc_lock", "sys_admin", "sys_rawio")
