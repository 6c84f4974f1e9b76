"""A mapping as the model keeps it: its pages, VMAs and private copies."""

from dataclasses import dataclass, field, replace
from typing import Self

from mmapkit.model.memory import Memory, by_page
from mmapkit.program import Prot


@dataclass(slots=True)
class Mapping:
    """One mapping; prots has the protection of each page, None once unmapped.

    Offsets are in bytes from its start, pages are counted from there; offset is
    where it starts in the memory of the device. may is what mprotect(2) may
    give. private has the pages that a private mapping has copied. tracked is as
    in Node. starts has the pages at which VMAs begin: mappings of device memory
    are VM_SPECIAL, so what was split is never merged again.
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

    def copy(self) -> Self:
        """Return what a child gets of it."""
        private = {index: bytearray(page) for index, page in self.private.items()}
        return replace(
            self, prots=list(self.prots), starts=set(self.starts), private=private
        )

    def prot(self, index: int) -> Prot | None:
        """Return the protection of a page, None where nothing is mapped."""
        return self.prots[index] if 0 <= index < len(self.prots) else None

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

    def read(self, memory: Memory, off: int, length: int) -> bytes:
        """Return what it shows, whatever its protection."""
        parts = by_page(off, length, memory.page)
        return b"".join(self._read_page(memory, at, count) for at, count in parts)

    def write(self, memory: Memory, off: int, data: bytes) -> None:
        """Change what it shows, whatever its protection.

        mmap(2), MAP_PRIVATE: the first store copies the page.
        """
        for at, count in by_page(off, len(data), memory.page):
            self._write_page(memory, at, data[at - off : at - off + count])

    def _read_page(self, memory: Memory, off: int, length: int) -> bytes:
        start = off - off % memory.page
        if page := self.private.get(start // memory.page):
            return bytes(page[off - start : off - start + length])
        return memory.read_page(self.offset + off, length)

    def _write_page(self, memory: Memory, off: int, data: bytes) -> None:
        if self.shared:
            memory.write_page(self.offset + off, data)
            return
        start = off - off % memory.page
        index = start // memory.page
        if index not in self.private:
            whole = memory.read_page(self.offset + start, memory.page)
            self.private[index] = bytearray(whole)
        self.private[index][off - start : off - start + len(data)] = data
