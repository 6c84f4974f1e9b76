"""What the model keeps about a program on its way. Nothing here knows what is right."""

from dataclasses import dataclass, field

from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import Memory
from mmapkit.model.vma import Island
from mmapkit.program import Mode
from mmapkit.target import Node, Target
from mmapkit.verdict import Result


@dataclass(slots=True)
class File:
    """An open file.

    object: it is memory of the kernel's own, a memfd.
    """

    node: Node
    mode: Mode
    object: bool = False

    @property
    def readable(self) -> bool:
        return self.mode is not Mode.WRONLY

    @property
    def writable(self) -> bool:
        return self.mode is not Mode.RDONLY


@dataclass(slots=True)
class Process:
    """A process; parent is the number of the one that forked it.

    limit: pages that it may map in all, by RLIMIT_AS; None: no end.
    """

    parent: int | None
    alive: bool = True
    files: dict[int, File] = field(default_factory=dict)
    maps: dict[int, Mapping] = field(default_factory=dict)
    islands: list[Island] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    limit: int | None = None

    @property
    def pages(self) -> int:
        """How many pages are mapped."""
        return sum(vma.count for island in self.islands for vma in island.vmas)

    def exceeds(self, pages: int) -> bool:
        """Tell whether so many pages more are too many; may_expand_vm()."""
        return self.limit is not None and self.pages + pages > self.limit

    def fork(self, me: int) -> "Process":
        """Return a child, which inherits everything; pages are copied per process."""
        twins = {id(island): island.copy() for island in self.islands}
        maps = {
            number: mapping.copy(twins[id(mapping.island)])
            for number, mapping in self.maps.items()
        }
        return Process(
            me,
            True,
            dict(self.files),
            maps,
            list(twins.values()),
            set(self.dropped),
            self.limit,
        )


class State:
    """The machine that a program runs on: its memory, and its processes."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.traits = target.traits
        self.page = target.traits.page_size
        self.memory = Memory(target)
        self.processes = {0: Process(None)}
        # What the operation at hand came to, where that is known.
        self.seen: Result | None = None

    def choose(self, due: Result, *others: Result) -> Result:
        """Return what was seen, if that is one of what Linux allows."""
        return self.seen if self.seen in others else due

    def page_up(self, length: int) -> int:
        """Return the bytes of the pages that so many bytes take up."""
        return -(-length // self.page) * self.page

    def beyond(self, node: Node, off: int, length: int) -> bool:
        """Tell whether a range of a file, in bytes and not wrapped, leaves it."""
        limit = self.target.limit if node.size is None else node.size
        return off + length > limit
