"""VMAs, and the pages of them. What the model keeps; no rule is here."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from mmapkit.model.memory import Memory, patched
from mmapkit.program import Prot


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of VMA it is; include/linux/mm.h has the flags.

    pfnmap: VM_PFNMAP. io: VM_IO. special: any of VM_SPECIAL, so never merged.
    fixed: VM_DONTEXPAND or VM_PFNMAP, so it does not grow. eager: mmap makes all
    PTEs, and nothing makes one afterwards. pages: its PTEs lead to struct pages.
    around: a fault may bring neighbours. tracked: as in Node. contiguous, uses: of
    memory that belongs to the mapping, as in Node. object: memory of the kernel's
    own, of a memfd or none, with all that a file system has. file: it is a mapping
    of some file.
    """

    pfnmap: bool = False
    io: bool = False
    special: bool = False
    fixed: bool = False
    eager: bool = False
    pages: bool = True
    around: bool = False
    tracked: bool = False
    contiguous: bool = False
    uses: frozenset[str] = frozenset({"none"})
    object: bool = False
    file: bool = False


#: the flag of a VMA that is about to be: mmap() has made it, and unmap_mapping_range()
#: does not find it yet
UNKNOWN = "unknown"

#: an object: the path of its node, and how many of that path were before it
Origin = tuple[str, int]


@dataclass(slots=True)
class Vma:
    """A VMA; first and count in pages, from the start of its island on.

    offset: the address in the model's memory of its first page, in bytes; None:
    anonymous and private. limit: where the object ends, in bytes; None: never.
    may: what mprotect(2) may give. flags: "locked", "dontfork", "wipeonfork", UNKNOWN.
    private: the pages that a private mapping has copied; copies: their numbers,
    one for each that is a page of its own. gone: pages whose PTE went away, and
    that nothing brings back. touched: pages that have a PTE; perhaps: pages that
    may have one. All by their number in the island. origin: the object of the target
    that it is a mapping of. past: what it has been through: "head" and "tail" are
    cut off, "moved", "grown", "inherited" from a parent, "revoked".
    """

    first: int
    count: int
    offset: int | None
    limit: int | None
    kind: Kind
    shared: bool
    prot: Prot
    may: Prot
    flags: frozenset[str] = frozenset()
    origin: Origin | None = None
    private: dict[int, bytes] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    perhaps: set[int] = field(default_factory=set)
    copies: dict[int, int] = field(default_factory=dict, compare=False)
    past: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def end(self) -> int:
        """The page behind its last."""
        return self.first + self.count

    @property
    def vm_shared(self) -> bool:
        """VM_SHARED: do_mmap() takes it from mappings of files not open to write."""
        return self.shared and Prot.W in self.may

    def copy(self) -> Self:
        """Return the same VMA, with pages of its own."""
        return replace(
            self,
            private=dict(self.private),
            copies=dict(self.copies),
            gone=set(self.gone),
            touched=set(self.touched),
            perhaps=set(self.perhaps),
        )

    def part(self, first: int, end: int, page: int) -> Self:
        """Return the VMA of some of its pages."""
        offset = self.offset
        if offset is not None:
            offset += (first - self.first) * page
        past = self.past
        if first > self.first:
            past |= {"head"}
        if end < self.end:
            past |= {"tail"}
        return replace(
            self,
            first=first,
            count=end - first,
            offset=offset,
            private={i: p for i, p in self.private.items() if first <= i < end},
            copies={i: n for i, n in self.copies.items() if first <= i < end},
            gone={i for i in self.gone if first <= i < end},
            touched={i for i in self.touched if first <= i < end},
            perhaps={i for i in self.perhaps if first <= i < end},
            past=past,
        )

    def moved(self, distance: int) -> Self:
        """Return the VMA so many pages further, with all its pages."""
        return replace(
            self,
            first=self.first + distance,
            private={i + distance: p for i, p in self.private.items()},
            copies={i + distance: n for i, n in self.copies.items()},
            gone={i + distance for i in self.gone},
            touched={i + distance for i in self.touched},
            perhaps={i + distance for i in self.perhaps},
            past=self.past | {"moved"},
        )

    def grow(self, pages: int) -> None:
        """Have so many pages more at the end."""
        if pages:
            self.count += pages
            self.past |= {"grown"}

    def address(self, index: int, page: int) -> int | None:
        """Return where in the model's memory a page is, in bytes."""
        if self.offset is None:
            return None
        return self.offset + (index - self.first) * page

    def beyond(self, index: int, page: int) -> bool:
        """Tell whether a page lies past the end of the object."""
        address = self.address(index, page)
        return self.limit is not None and address is not None and address >= self.limit

    def read(self, memory: Memory, index: int, start: int, length: int) -> bytes:
        """Return bytes of a page, whatever its protection."""
        if (copied := self.private.get(index)) is not None:
            return copied[start : start + length]
        address = self.address(index, memory.page)
        if address is None:
            return bytes(length)
        return memory.read_page(address + start, length)

    def own(self, memory: Memory, index: int) -> None:
        """Have a copy of a page of a private mapping that no other process has."""
        if self.shared:
            return
        if index not in self.private:
            self.private[index] = self.read(memory, index, 0, memory.page)
            self.copies[index] = memory.copied()
        elif self.copies[index] in memory.forked:
            self.copies[index] = memory.copied()

    def write(self, memory: Memory, index: int, start: int, data: bytes) -> None:
        """Change bytes of a page, whatever its protection.

        mmap(2), MAP_PRIVATE: the first store copies the page.
        """
        if self.shared:
            address = self.address(index, memory.page)
            assert address is not None
            memory.write_page(address + start, data)
            return
        self.own(memory, index)
        self.private[index] = patched(self.private[index], start, data)


@dataclass(slots=True)
class Island:
    """A part of an address space that has nothing around it.

    vmas are in order. pages: the kernel chose the place of so many pages, and
    nobody knows what is beside them; None: there is nothing beside.
    """

    vmas: list[Vma] = field(default_factory=list)
    pages: int | None = None

    def copy(self) -> Self:
        return replace(self, vmas=[vma.copy() for vma in self.vmas])

    def find(self, index: int) -> Vma | None:
        """Return the VMA that a page is in."""
        at = bisect_right(self.vmas, index, key=lambda vma: vma.first) - 1
        if at >= 0 and index < self.vmas[at].end:
            return self.vmas[at]
        return None

    def within(self, first: int, end: int) -> Iterator[Vma]:
        """Return the VMAs that have pages from first to before end."""
        if first >= end:
            return iter(())
        return (vma for vma in list(self.vmas) if vma.first < end and vma.end > first)

    def whole(self, first: int, end: int) -> bool:
        """Tell whether there is no hole."""
        at = first
        for vma in self.within(first, end):
            if vma.first > at:
                return False
            at = vma.end
        return at >= end

    def split(self, at: int, page: int) -> None:
        """Let no VMA have pages on both sides of a border."""
        place = bisect_right(self.vmas, at, key=lambda vma: vma.first) - 1
        vma = self.find(at)
        if vma is None or vma.first == at:
            return
        parts = vma.part(vma.first, at, page), vma.part(at, vma.end, page)
        self.vmas[place : place + 1] = parts

    def carve(self, first: int, end: int, page: int) -> list[Vma]:
        """Return VMAs that have all pages from first to before end, and no others."""
        self.split(first, page)
        self.split(end, page)
        return list(self.within(first, end))

    def remove(self, first: int, end: int, page: int) -> list[Vma]:
        """Take pages out; returns the VMAs that they were in."""
        taken = self.carve(first, end, page)
        self.vmas = [v for v in self.vmas if v.first >= end or v.end <= first]
        return taken

    def insert(self, vma: Vma) -> None:
        """Put a VMA where nothing is."""
        at = bisect_right(self.vmas, vma.first, key=lambda vma: vma.first)
        self.vmas.insert(at, vma)
