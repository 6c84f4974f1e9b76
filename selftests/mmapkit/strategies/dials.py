"""What an operation is drawn from: rows of bytes, each byte a dial.

hypothesis pays for every choice that it makes, so that an operation is one: a row of
bytes. It shrinks them byte by byte. All zero is the simplest operation, and the
simplest settings come first on each dial, so programs shrink well.

Bytes are drawn evenly, of integers small ones far more often than others. And what is
drawn may depend on nothing but the tree: hypothesis takes some of its integers (of 100
and more), strings and bytes from the source of the modules that a process has
imported, which are others in each process of pytest-xdist. No literal has the length
of a row; host/test_drawn.py sees to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

from mmapkit.program import Mode, Offset, Order, Prot, Sharing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    """What strategies have to know of a window; sizes in bytes.

    window is its name; None: all of a file of that size. huge is what a PMD
    maps.
    """

    window: str | None = "arena"
    size: int = 4 << 20
    page: int = 4096
    huge: int = 2 << 20


# Pages of a mapping: about as many as the original question was about, and
# about as many as batches, a leaf of a radix tree and a page table hold.
_FEW = (6, 1, 2, 3, 4, 5, 7, 8, 9)
MANY = (10, 17, 63, 64, 65, 127, 255, 256, 511)

#: bytes of a row, and where its second part begins and its third
ROW = 24
WHERE, HOW = 4, 12

#: of more choices than that a dial is two bytes wide
_NARROW = 32

#: what each operation is drawn as
rows = st.binary(min_size=ROW, max_size=ROW)

#: numbers to choose by among things that nobody knows when programs are drawn
choices = rows.map(int.from_bytes)

#: bytes of which nothing is left in 32 bits
FAR = 1 << 32

MODES = (*(Mode.RDWR,) * 5, *(Mode.RDONLY,) * 3, Mode.WRONLY)
RW = Prot.R | Prot.W
PROTS = (
    *(RW, RW, RW, Prot.R, Prot.R, Prot.W, Prot.NONE),
    *(Prot.X, Prot.R | Prot.X, Prot.W | Prot.X, RW | Prot.X),
)
SHARINGS = (Sharing.SHARED, Sharing.PRIVATE)
WIDTHS = (8, 4, 2, 1)
ORDERS = tuple(Order)
# m0 is the mapping that is there for certain.
MAPS = (0, 0, 0, 0, 0, 0, 1, 1, 2)
FILES = (0, 0, 0, 1)


class Dials:
    """A row of bytes, read one after the other."""

    def __init__(self, row: bytes) -> None:
        self._row = row
        self._at = 0

    def pick(self, choices: Sequence[T]) -> T:
        """Return the choice that the next dial points to."""
        width = 1 if len(choices) <= _NARROW else 2
        dial = self._row[self._at : self._at + width]
        assert len(dial) == width, "a row has too few dials"
        self._at += width
        return choices[int.from_bytes(dial) * len(choices) >> 8 * width]


@dataclass(frozen=True, slots=True)
class Setting:
    """What the dials of one operation are read from."""

    shape: Shape
    nodes: Sequence[str]
    where: Dials
    how: Dials

    def place(self) -> int:
        """Return an offset in a mapping of a few pages, or a little past it."""
        page = self.shape.page
        number = self.where.pick(range(10))
        rest = self.where.pick(
            (
                *(0, 0, 0, 0, 8, page - 8, page - 4, page - 2, page - 1),
                *(1, 2, 3, 4, 6, page // 2, page // 2 + 5),
            )
        )
        return number * page + rest

    def boundary(self) -> int:
        """Return the start of a page of a mapping, or next to it."""
        page = self.shape.page
        starts = (*range(0, 8 * page, page),) * 2
        return int(self.where.pick((*starts, 1, page - 1)))

    def offset(self) -> Offset:
        """Return a file offset; programs() moves it to the program's place."""
        page = self.where.pick(range(7))
        return Offset(page * self.shape.page, self.shape.window)

    def far(self) -> int:
        """Return 0, or seldom 4 GiB, which no offset may lose."""
        if self.shape.window:
            # Whatever is there in physical memory.
            return 0
        return self.where.pick((*(0,) * 7, FAR))

    def length(self) -> int:
        """Return the length of a mapping: whole pages more often than not."""
        page = self.shape.page
        pages = self.where.pick((*_FEW * 4, *MANY))
        return pages * page - self.where.pick((0, 0, 0, 1, page // 2, page - 1))

    def part(self) -> int | None:
        """Return the length of a range in a mapping; None: all the rest."""
        page = self.shape.page
        return self.where.pick(
            (None, None, 8, 64, page, page + 8, 2 * page, 3 * page - 8, 0)
        )
