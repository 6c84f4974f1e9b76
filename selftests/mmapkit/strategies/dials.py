"""What an operation is drawn from: integers, read like rows of dials.

An operation is drawn as three small integers, each of which is then read digit by
digit (mixed radix). hypothesis pays for every choice that it makes, about 50
microseconds here, and three choices an operation is what a rate of hundreds of
programs a second allows. All zero is the simplest operation, and the simplest
settings come first on each dial, so programs still shrink well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

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

#: one more than the largest integer that is drawn; no row of dials needs more
DRAW = 1 << 16

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
    """An integer, read digit by digit; each digit has a radix of its own."""

    def __init__(self, value: int) -> None:
        self._value = value

    def pick(self, choices: Sequence[T]) -> T:
        """Return the choice that the next dial points to."""
        self._value, index = divmod(self._value, len(choices))
        return choices[index]


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
