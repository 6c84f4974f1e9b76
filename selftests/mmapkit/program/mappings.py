"""Operations on memory: what maps it, what changes or looks at a mapping, access."""

from dataclasses import dataclass

from mmapkit.program.operations import Operation
from mmapkit.program.vocabulary import (
    Answer,
    MapFlag,
    Offset,
    Order,
    Place,
    Prot,
    RemapFlag,
    Sharing,
    SyncFlag,
    Via,
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Userfault(OnRange):
    """From here on the program answers the faults of a range; userfaultfd(2).

    Those of pages that are not there. A thread of the process's own does it, until
    the process ends.
    """

    word = "userfault"
    answer: Answer


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
