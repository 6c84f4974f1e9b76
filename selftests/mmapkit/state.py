"""What the model keeps about a program on its way. Nothing here knows what is right.

Memory, files, mappings, processes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mmapkit.errors import ModelError
from mmapkit.program import Mode, Prot
from mmapkit.target import Node, Target, Window


def parts(start: int, length: int, page: int) -> Iterator[tuple[int, int]]:
    """Cut a range of bytes into parts that lie within one page each."""
    end = start + length
    while start < end:
        count = min(end, start - start % page + page) - start
        yield start, count
        start += count


#: where memory lies that belongs to one mmap(): far from any target's
_OWN = 1 << 80
_OWN_STEP = 1 << 64


class Memory:
    """The memory behind the device: the target's, and what programs wrote."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.page = target.traits.page_size
        self._window: Window | None = None
        self._owned = 0
        self.pages: dict[int, bytearray] = {}

    def own(self) -> int:
        """Return the address of zeroed memory that nothing else has."""
        self._owned += 1
        return _OWN + self._owned * _OWN_STEP

    @property
    def dirty(self) -> frozenset[int]:
        """The address of every page of the target that was written to."""
        return frozenset(address for address in self.pages if address < _OWN)

    def _find(self, address: int) -> Window:
        window = self._window
        if window is None or not 0 <= address - window.base < window.size:
            window = self._window = self._target.covering(address)
        return window

    def read(self, address: int, length: int) -> bytes:
        """Return bytes that lie within one page."""
        start = address - address % self.page
        if page := self.pages.get(start):
            return bytes(page[address - start : address - start + length])
        if address >= _OWN:
            return bytes(length)
        window = self._find(address)
        return window.content.read(address - window.base, length)

    def write(self, address: int, data: bytes) -> None:
        """Change bytes that lie within one page."""
        start = address - address % self.page
        if address < _OWN and not self._find(address).writable:
            raise ModelError(f"a program may not write to {address:#x}")
        if start not in self.pages:
            self.pages[start] = bytearray(self.read(start, self.page))
        self.pages[start][address - start : address - start + len(data)] = data


@dataclass(slots=True)
class File:
    """An open file."""

    node: Node
    mode: Mode

    @property
    def readable(self) -> bool:
        return self.mode is not Mode.WRONLY

    @property
    def writable(self) -> bool:
        return self.mode is not Mode.RDONLY


@dataclass(slots=True)
class Mapping:
    """One mapping; prots has the protection of each page, None once unmapped.

    private has the pages that a private mapping has copied. tracked is as in
    Node. starts has the pages at which VMAs begin: mappings of device memory are
    VM_SPECIAL, so what was split is never merged again.
    """

    number: int
    offset: int
    size: int
    shared: bool
    tracked: bool
    may: Prot
    prots: list[Prot | None]
    starts: set[int] = field(default_factory=lambda: {0})
    private: dict[int, bytearray] = field(default_factory=dict)

    def copy(self) -> "Mapping":
        """Return what a child gets of it."""
        private = {index: bytearray(page) for index, page in self.private.items()}
        return replace(
            self, prots=list(self.prots), starts=set(self.starts), private=private
        )

    def read(self, memory: Memory, off: int, length: int) -> bytes:
        """Return what one page shows; off is relative to the mapping."""
        start = off - off % memory.page
        if page := self.private.get(start // memory.page):
            return bytes(page[off - start : off - start + length])
        return memory.read(self.offset + off, length)

    def write(self, memory: Memory, off: int, data: bytes) -> None:
        """Change bytes of one page.

        mmap(2), MAP_PRIVATE: the first store copies the page.
        """
        if self.shared:
            memory.write(self.offset + off, data)
            return
        start = off - off % memory.page
        index = start // memory.page
        if index not in self.private:
            whole = memory.read(self.offset + start, memory.page)
            self.private[index] = bytearray(whole)
        self.private[index][off - start : off - start + len(data)] = data

    def vma(self, index: int) -> tuple[int, int]:
        """Return the first page, and the one behind the last, of a page's VMA."""
        first = max(start for start in self.starts if start <= index)
        last = min((start for start in self.starts if start > index), default=None)
        return first, len(self.prots) if last is None else last

    def split(self, first: int, end: int) -> None:
        """Make a VMA of its own of the pages from first to before end.

        What lies outside of the mapping is cut off.
        """
        self.starts |= {at for at in (first, end) if 0 <= at < len(self.prots)}


@dataclass(slots=True)
class Process:
    """A process; parent is the number of the one that forked it."""

    parent: int | None
    alive: bool = True
    files: dict[int, File] = field(default_factory=dict)
    maps: dict[int, Mapping] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)

    def fork(self, me: int) -> "Process":
        """Return a child, which inherits everything; pages are copied per process."""
        maps = {number: mapping.copy() for number, mapping in self.maps.items()}
        return Process(me, True, dict(self.files), maps, set(self.dropped))
