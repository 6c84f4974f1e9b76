"""What the model keeps about a program on its way. Nothing here knows what is right."""

from collections import Counter
from dataclasses import dataclass, field, replace

from mmapkit.grades import Grade, Leeway
from mmapkit.model.covered import Covered
from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import Memory
from mmapkit.model.vma import Island, Origin
from mmapkit.program import Mode
from mmapkit.target import Node, Target
from mmapkit.verdict import Data, Result


@dataclass(slots=True)
class File:
    """An open file.

    object: it is memory of the kernel's own, a memfd. zero: it is /dev/zero.
    origin: the object of the target that it holds.
    """

    node: Node
    mode: Mode
    object: bool = False
    zero: bool = False
    origin: Origin | None = None

    @property
    def readable(self) -> bool:
        return self.mode is not Mode.WRONLY

    @property
    def writable(self) -> bool:
        return self.mode is not Mode.RDONLY


@dataclass(slots=True, eq=False)
class Process:
    """What the threads of a process share.

    leader: number of the task that it began with. limit: pages that it may map
    in all, by RLIMIT_AS; None: no end.
    """

    leader: int
    files: dict[int, File] = field(default_factory=dict)
    maps: dict[int, Mapping] = field(default_factory=dict)
    islands: list[Island] = field(default_factory=list)
    limit: int | None = None

    @property
    def pages(self) -> int:
        """How many pages are mapped."""
        return sum(vma.count for island in self.islands for vma in island.vmas)

    def exceeds(self, pages: int) -> bool:
        """Tell whether so many pages more are too many; may_expand_vm()."""
        return self.limit is not None and self.pages + pages > self.limit

    def copy(self, leader: int) -> "Process":
        """Return a process that has all of this, and pages of its own."""
        twins = {id(island): island.copy() for island in self.islands}
        maps = {
            number: mapping.copy(twins[id(mapping.island)])
            for number, mapping in self.maps.items()
        }
        islands = list(twins.values())
        return Process(leader, dict(self.files), maps, islands, self.limit)

    def named(self) -> list[tuple[list[tuple[int, int, int]], Island]]:
        """Return the islands with their handles; the order tells nothing."""
        found = [
            (
                sorted(
                    (number, mapping.at, mapping.size)
                    for number, mapping in self.maps.items()
                    if mapping.island is island
                ),
                island,
            )
            for island in self.islands
        ]
        return sorted(found, key=lambda pair: pair[0])

    def same(self, other: "Process") -> bool:
        """Tell whether all is the same of two processes of two states."""
        mine, others = (self.files, self.limit), (other.files, other.limit)
        return mine == others and self.named() == other.named()


@dataclass(slots=True)
class Task:
    """A thread; parent is the number of the task that made it.

    dropped: the capabilities that it has given up. faults: how many page faults
    its last access took, at least and at most; None: it was refused.
    """

    parent: int | None
    process: Process
    alive: bool = True
    dropped: frozenset[str] = frozenset()
    faults: tuple[int, int] | None = None

    def same(self, other: "Task") -> bool:
        """Tell whether all is the same of two tasks, but for their processes."""
        mine = self.parent, self.alive, self.dropped, self.process.leader
        return mine == (
            *(other.parent, other.alive),
            *(other.dropped, other.process.leader),
        )


class State:
    """The machine that a program runs on: its memory, and its tasks.

    seen is what the operation at hand came to, where that is known. open: some
    operation could have come to something else as well. objects: of each node that
    a request has changed, the number of its last object and whether that is there.
    starts: where the memory of new ones begins. leaving: what a request of a task is
    about to take away. loaded: the module is there. strict: nothing is granted that
    is bad practice. covered: for statistics, of no account for what is right; what
    was seen where Linux leaves it open among it.
    """

    def __init__(
        self, target: Target, memory: Memory | None = None, *, strict: bool = False
    ) -> None:
        self.target = target
        self.strict = strict
        self.traits = target.traits
        self.page = target.traits.page_size
        self.memory = memory or Memory(target)
        self.tasks = {0: Task(None, Process(0))}
        # PFNs that were seen, by what frames.py knows pages by.
        self.frames: dict[tuple[str, int], int] = {}
        self.objects: dict[str, tuple[int, bool]] = {}
        self.starts: dict[Origin, int] = {}
        self.revoked: set[Origin] = set()
        self.leaving: dict[int, Origin] = {}
        self.loaded = True
        self.seen: Result | None = None
        self.open = False
        self.covered: Covered = Counter()

    def copy(self) -> "State":
        """Return the same state, which goes its own way."""
        other = State(self.target, self.memory.copy(), strict=self.strict)
        other.open = self.open
        other.covered = self.covered.copy()
        other.frames = dict(self.frames)
        other.objects = dict(self.objects)
        other.starts = dict(self.starts)
        other.revoked = set(self.revoked)
        other.leaving = dict(self.leaving)
        other.loaded = self.loaded
        twins = {
            process.leader: process.copy(process.leader) for process in self.processes()
        }
        other.tasks = {
            number: replace(task, process=twins[task.process.leader])
            for number, task in self.tasks.items()
        }
        return other

    def processes(self) -> list[Process]:
        """Return every process once, also those that are gone."""
        return [
            task.process
            for number, task in self.tasks.items()
            if task.process.leader == number
        ]

    def same(self, other: "State") -> bool:
        """Tell whether all that comes is the same for both."""
        return (
            self.memory.same(other.memory)
            and (self.objects, self.starts) == (other.objects, other.starts)
            and (self.revoked, self.loaded) == (other.revoked, other.loaded)
            and self.leaving == other.leaving
            and self.tasks.keys() == other.tasks.keys()
            and all(map(Task.same, self.tasks.values(), other.tasks.values()))
            and all(map(Process.same, self.processes(), other.processes()))
        )

    def origin(self, path: str) -> Origin | None:
        """Return the object that is behind a node now."""
        number, there = self.objects.get(path, (0, True))
        return (path, number) if there and self.loaded else None

    def choose(self, leeway: Leeway, due: Result, *others: Result) -> Result:
        """Return what was seen, if that is one of what Linux allows."""
        warns = leeway.grade is Grade.WARN
        self.open = True
        found = due
        if self.seen in others and not (warns and self.strict):
            found = self.seen
        # What was seen may be of another part of the operation.
        if self.seen in (None, found) and not (warns and found == due):
            # What the bytes are is another matter.
            bytes_of = isinstance(found, Data) and f"{len(found.data)} bytes"
            self.note(leeway, bytes_of or found)
        return found

    def note(self, leeway: Leeway, answer: object) -> None:
        """Say that an answer is one of several, and which."""
        self.open = True
        self.covered[leeway.grade.value, leeway.name, str(answer)] += 1

    def page_up(self, length: int) -> int:
        """Return the bytes of the pages that so many bytes take up."""
        return -(-length // self.page) * self.page

    def beyond(self, node: Node, off: int, length: int) -> bool:
        """Tell whether a range of a file, in bytes and not wrapped, leaves it."""
        limit = self.target.limit if node.size is None else node.size
        return off + length > limit
