"""Targets: what is mapped. Nodes, the windows behind them, and machine traits.

A target is data, but for what makes its objects anew. It says where the offset
space of a device has memory, what the memory holds when a program begins, and which
programs may write to it; the model and the strategies need no more. Reading a
target off a machine is the business of targets/.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mmapkit.content import pattern
from mmapkit.errors import ModelError
from mmapkit.program import ADVICES, Offset, Ready

#: pages that the kernel has given to a driver: none of what kpageflags tells
RAM = frozenset({"none"})
#: memory that the kernel may have no struct page for
UNOWNED = frozenset({"none", "nopage"})
#: memory of kmalloc(); large objects come from the page allocator
SLAB = frozenset({"none", "slab"})


class Content(Protocol):
    """What a window holds when a program begins."""

    def read(self, offset: int, length: int) -> bytes:
        """Return length bytes from offset on, both relative to the window."""


@dataclass(frozen=True, slots=True)
class Patterned:
    """Content that the kit puts there before a program: pattern 0."""

    def read(self, offset: int, length: int) -> bytes:
        return pattern(length, 0, offset)


@dataclass(frozen=True, slots=True)
class Fixed:
    """Content that was there before, and stays."""

    data: bytes = field(repr=False)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the offset space of a device with known memory behind it.

    name is what file offsets of programs are relative to; base and size are in
    bytes, multiples of the page size. path is the node to write it through;
    None: any that sees all of the target, at offset base. uses: what the kernel may
    say that the pages are used for, in the words of kpageflags.
    """

    name: str
    base: int
    size: int
    content: Content
    writable: bool = False
    path: str | None = None
    uses: frozenset[str] = RAM


@dataclass(frozen=True, slots=True)
class Node:
    """A device file, and the name of the method that it maps by.

    tracked: a mapping is made whole by one remap_pfn_range(), so that x86 keeps
    a record of its cache mode. See Traits.tracked_forks. start is where the
    first byte of the file lies in the target, and size how much can be mapped,
    both in bytes; None: all of the target. owns: each mmap() gets memory of its
    own, which is zero; the file itself has none. eager: mmap() makes all PTEs, and
    no fault makes one. pages: the PTEs lead to struct pages. around: a fault may
    bring neighbours. contiguous: the memory of one mmap() lies in one piece. uses:
    of that memory, as in Window. removable: requests make and take away the object
    behind it. lent: its memory was there before, and stays; without that a new
    object has memory of its own, which is zero. foreign: the driver is somebody
    else's, and has not promised all that memphys has.
    """

    path: str
    method: str
    tracked: bool = False
    start: int = 0
    size: int | None = None
    owns: bool = False
    eager: bool = False
    pages: bool = False
    around: bool = False
    contiguous: bool = False
    uses: frozenset[str] = RAM
    removable: bool = False
    lent: bool = False
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Traits:
    """What depends on the machine, not on the driver.

    page_size is in bytes. exec_reads: a mapping with PROT_EXEC alone can be
    read, which protection keys prevent. noexec: the nodes lie on a file system
    mounted so. address_space: bytes that one process can map. commit: bytes
    that one private writable mapping may promise. tracked_forks: a process can
    fork when the first page of a private mapping that is tracked has been
    copied; before 6.16 x86 then finds no cache mode, and fork fails with
    ENOMEM (get_pat_info() in arch/x86/mm/pat/memtype.c, 04c35ab3bdae).
    huge_faults: mm asks .huge_fault of any driver, not of DAX alone. moves_many:
    mremap() to a fixed place takes several VMAs, with the holes between them.
    advices: what madvise() knows, as in program.ADVICES. cross_memory: there is
    process_vm_readv(2), and its counterpart (CONFIG_CROSS_MEMORY_ATTACH).
    """

    page_size: int = 4096
    exec_reads: bool = True
    noexec: bool = False
    address_space: int = 0x7FFF_FFFF_F000
    commit: int = 1 << 63
    tracked_forks: bool = True
    huge_faults: bool = True
    moves_many: bool = False
    advices: frozenset[str] = frozenset(ADVICES)
    cross_memory: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """A device under test: nodes that show one memory, or parts of it.

    limit is the end of the offset space, in bytes: a mapping that reaches past
    it, or past the size of its node, is refused. module: what files and mappings of
    the nodes hold. requests: with their messages. renew: makes the objects of some
    nodes anew, by their paths, and returns the target that is there then.
    """

    nodes: tuple[Node, ...]
    windows: tuple[Window, ...]
    limit: int
    traits: Traits = Traits()
    module: str = ""
    requests: tuple[tuple[Ready, bytes], ...] = field(default=(), repr=False)
    renew: Callable[["Target", frozenset[str]], "Target"] | None = field(
        default=None, repr=False, compare=False
    )

    def node(self, path: str) -> Node | None:
        """Return the node of a path, None when it is not the target's."""
        return next((n for n in self.nodes if n.path == path), None)

    def request(self, ask: Ready) -> bytes:
        """Return the message of a request; ModelError when there is none."""
        for known, message in self.requests:
            if known == ask:
                return message
        raise ModelError(f"the target has no request to {ask.change.value} {ask.path}")

    def window(self, name: str) -> Window:
        """Return the window of a name; ModelError when there is none."""
        for window in self.windows:
            if window.name == name:
                return window
        raise ModelError(f'the target has no window "{name}"')

    def symbols(self) -> dict[str, int]:
        """Return what the names in file offsets stand for, in bytes."""
        whole = {w.name: w.base for w in self.windows if w.path is None}
        return whole | {"end": self.limit}

    def resolve(self, off: Offset) -> int:
        """Return a file offset as the kernel gets it, in bytes modulo 2**64."""
        if off.base is None:
            return off.delta
        try:
            base = self.symbols()[off.base]
        except KeyError:
            raise ModelError(f'the target has no window "{off.base}"') from None
        return (base + off.delta) % (1 << 64)

    def covering(self, address: int) -> Window:
        """Return the window that holds a byte of the offset space."""
        for window in self.windows:
            if window.base <= address < window.base + window.size:
                return window
        raise ModelError(
            f"nobody knows what is at {address:#x}: no window of the target covers it"
        )
