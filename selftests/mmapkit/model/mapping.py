"""A mapping as a program names it: a handle on a place in an island of VMAs."""

from dataclasses import dataclass
from typing import Self

from mmapkit.errors import ModelError
from mmapkit.model.memory import Memory, by_page
from mmapkit.model.vma import Island, Vma
from mmapkit.program import Prot

#: bytes of nothing that a program may count on, on both sides of a mapping
ROOM = 16 << 20


@dataclass(slots=True)
class Mapping:
    """What a handle stands for.

    Offsets are in bytes from its start, which is page `at` of the island; pages
    are counted from the start of the island. size is that of the call that made
    it, in bytes of whole pages; what is mapped there now is another matter.
    """

    number: int
    island: Island
    at: int
    size: int
    page: int

    def copy(self, island: Island) -> Self:
        """Return the same handle in another process."""
        return type(self)(self.number, island, self.at, self.size, self.page)

    def check(self, off: int, length: int) -> None:
        """Refuse a range, in bytes, of which nobody knows what is there."""
        first = self.at * self.page + off
        if self.island.pages is None:
            near = -ROOM <= first - self.at * self.page <= self.size + ROOM - length
        else:
            near = 0 <= first <= self.island.pages * self.page - length
        if not near:
            raise ModelError("nobody knows what lies so far away")

    def index(self, off: int) -> int:
        """Return the page of the island that an offset is in."""
        return self.at + off // self.page

    def vma(self, off: int) -> Vma | None:
        """Return the VMA at an offset."""
        return self.island.find(self.index(off))

    def prot(self, off: int) -> Prot | None:
        """Return the protection at an offset, None where nothing is mapped."""
        vma = self.vma(off)
        return None if vma is None else vma.prot

    def _at(self, off: int) -> tuple[Vma, int]:
        vma = self.vma(off)
        assert vma is not None
        return vma, self.index(off)

    def read(self, memory: Memory, off: int, length: int) -> bytes:
        """Return what it shows, whatever its protection."""
        found = []
        for at, count in by_page(off, length, self.page):
            vma, index = self._at(at)
            vma.touched.add(index)
            found.append(vma.read(memory, index, at % self.page, count))
        return found[0] if len(found) == 1 else b"".join(found)

    def look(self, memory: Memory, off: int, length: int) -> bytes:
        """Return what it shows to who may not bring a page."""
        found = []
        for at, count in by_page(off, length, self.page):
            vma, index = self._at(at)
            vma.perhaps.add(index)
            found.append(vma.read(memory, index, at % self.page, count))
        return b"".join(found)

    def write(self, memory: Memory, off: int, data: bytes) -> None:
        """Change what it shows, whatever its protection."""
        for at, count in by_page(off, len(data), self.page):
            vma, index = self._at(at)
            vma.touched.add(index)
            vma.write(memory, index, at % self.page, data[at - off : at - off + count])

    def own(self, memory: Memory, off: int, length: int) -> None:
        """Copy pages of private mappings, as a store of nothing would."""
        for at, _ in by_page(off, length, self.page):
            vma, index = self._at(at)
            vma.touched.add(index)
            vma.own(memory, index)
