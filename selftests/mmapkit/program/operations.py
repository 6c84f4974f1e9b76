"""Operations on files and tasks, and those that reach the driver from elsewhere."""

from dataclasses import dataclass
from typing import ClassVar

from mmapkit.program.vocabulary import Mode, Offset, Place, Ready, Whence


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
class Mknod(Operation):
    """Open the device of a file by another node; mknod(2), open(2).

    So it has an inode of its own. The node has no name afterwards.
    """

    word = "mknod"
    file: int
    of: int
    mode: Mode


@dataclass(frozen=True, slots=True)
class Lseek(Operation):
    """lseek(2); the offset in bytes, passed to the kernel as it is."""

    word = "lseek"
    file: int
    whence: Whence
    off: int


@dataclass(frozen=True, slots=True)
class Memfd(Operation):
    """A file of len bytes that are zero, in memory alone; memfd_create(2)."""

    word = "memfd"
    file: int
    len: int


@dataclass(frozen=True, slots=True)
class Pread(Operation):
    """pread(2) of len bytes; to a place in a mapping, or to a buffer of the agent."""

    word = "pread"
    file: int
    off: Offset
    len: int
    at: Place | None = None


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
    """A generic netlink message, and its ACK; spelled out, or ready.

    It is sent over a socket that nothing else uses; the sequence number is not
    looked at.
    """

    word = "request"
    message: bytes | Ready


@dataclass(frozen=True, slots=True)
class Insmod(Operation):
    """Load the module of a file; finit_module(2).

    options: one word of them.
    """

    word = "insmod"
    path: str
    options: str = ""


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
