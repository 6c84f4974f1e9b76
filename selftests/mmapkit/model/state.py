"""What the model keeps about a program on its way. Nothing here knows what is right."""

from dataclasses import dataclass, field

from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import Memory
from mmapkit.program import Mode
from mmapkit.target import Node, Target


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


class State:
    """The machine that a program runs on: its memory, and its processes."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.traits = target.traits
        self.page = target.traits.page_size
        self.memory = Memory(target)
        self.processes = {0: Process(None)}

    def page_up(self, length: int) -> int:
        """Return the bytes of the pages that so many bytes take up."""
        return -(-length // self.page) * self.page

    def beyond(self, node: Node, off: int, length: int) -> bool:
        """Tell whether a range of a file, in bytes and not wrapped, leaves it."""
        limit = self.target.limit if node.size is None else node.size
        return off + length > limit
