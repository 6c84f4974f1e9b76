"""The memory behind a device, as the model keeps it: what programs have written."""

from collections.abc import Iterator

from mmapkit.errors import ModelError
from mmapkit.target import Target, Window

#: where memory lies that belongs to one mmap(): far from any target's
OWN = 1 << 80
OWN_STEP = 1 << 64


def by_page(start: int, length: int, page: int) -> Iterator[tuple[int, int]]:
    """Cut a range of bytes into parts that lie within one page each."""
    end = start + length
    while start < end:
        count = min(end, start - start % page + page) - start
        yield start, count
        start += count


def patched(page: bytes, at: int, data: bytes) -> bytes:
    """Return a page with some bytes changed; pages are shared, and stay as they are."""
    return page[:at] + data + page[at + len(data) :]


class Memory:
    """The memory behind the device: the target's, and what programs wrote.

    content: what was read of the target, and stays as it was then.
    """

    def __init__(
        self, target: Target, content: dict[tuple[int, int], bytes] | None = None
    ) -> None:
        self._target = target
        self.content = {} if content is None else content
        self.page = target.traits.page_size
        self._window: Window | None = None
        self._owned = 0
        self._copied = 0
        #: numbers of private copies that two processes have had
        self.forked: set[int] = set()
        self.pages: dict[int, bytes] = {}

    def copy(self) -> "Memory":
        """Return memory that holds the same, and goes its own way."""
        other = Memory(self._target, self.content)
        other._owned = self._owned
        other._copied = self._copied
        other.forked = set(self.forked)
        other.pages = dict(self.pages)
        return other

    def same(self, other: "Memory") -> bool:
        """Tell whether both hold the same."""
        return self.pages == other.pages

    def own(self) -> int:
        """Return the address of zeroed memory that nothing else has."""
        self._owned += 1
        return OWN + self._owned * OWN_STEP

    def copied(self) -> int:
        """Return the number of a private copy that nobody has had."""
        self._copied += 1
        return self._copied

    @property
    def dirty(self) -> frozenset[int]:
        """The address of every page of the target that was written to."""
        return frozenset(address for address in self.pages if address < OWN)

    def read(self, address: int, length: int) -> bytes:
        """Return bytes from anywhere."""
        parts = by_page(address, length, self.page)
        return b"".join(self.read_page(at, count) for at, count in parts)

    def write(self, address: int, data: bytes) -> None:
        """Change bytes anywhere."""
        for at, count in by_page(address, len(data), self.page):
            self.write_page(at, data[at - address : at - address + count])

    def read_page(self, address: int, length: int) -> bytes:
        """Return bytes that lie within one page."""
        start = address - address % self.page
        if page := self.pages.get(start):
            return page[address - start : address - start + length]
        if address >= OWN:
            return bytes(length)
        if (known := self.content.get((address, length))) is not None:
            return known
        window = self._find(address)
        data = window.content.read(address - window.base, length)
        self.content[address, length] = data
        return data

    def write_page(self, address: int, data: bytes) -> None:
        """Change bytes that lie within one page."""
        start = address - address % self.page
        if address < OWN and not self._find(address).writable:
            raise ModelError(f"a program may not write to {address:#x}")
        page = self.read_page(start, self.page)
        self.pages[start] = patched(page, address - start, data)

    def _find(self, address: int) -> Window:
        window = self._window
        if window is None or not 0 <= address - window.base < window.size:
            window = self._window = self._target.covering(address)
        return window
