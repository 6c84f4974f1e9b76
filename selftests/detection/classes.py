"""The bugs of memphys_faulty: what each pretends to be, and what tells it.

One row a bug. The suite is not told any of this but name and kind.
"""

from dataclasses import dataclass

#: verdicts, as alarms tell them
DIFFERS, SPLAT, LOOP, HANG = "differs", "splat", "retry-loop", "hang"
UNKILLABLE, PANIC, LOST, KILLED = "unkillable", "panic", "lost", "killed"

#: the kernel that is built to look for trouble
DEBUG = "debug"


@dataclass(frozen=True, slots=True)
class Bug:
    """A method, or a device of memphys_faulty.

    subject: as the option --subject takes it; the name alone is the method's, or
    the device's, with /dev/memphys/ before it. bug: the class, of bugs.md of the
    project. due: the verdicts that are right. since: the first kernel that shows
    it, as (major, minor). debug: only the debug kernel shows it.
    """

    subject: str
    bug: str
    due: tuple[str, ...]
    since: tuple[int, int] = (0, 0)
    debug: bool = False

    @property
    def name(self) -> str:
        """The name of the method or the device."""
        return self.subject.partition(":")[0].rpartition("/")[2]

    @property
    def kind(self) -> str:
        """The reference method that it pretends to be."""
        return self.subject.split(":")[1]

    @property
    def is_device(self) -> bool:
        """It has file operations of its own, and is no method."""
        return self.subject.startswith("/")


def _device(name: str, kind: str, own: str = "") -> str:
    return f"/dev/memphys/{name}:{kind}{own}"


BUGS = (
    # faulty/bounds.c: what is mapped is not the driver's.
    Bug(_device("unchecked", "remap"), "A1", (DIFFERS,)),
    Bug(_device("unbound", "fault-page"), "A2", (DIFFERS,)),
    Bug(_device("wrap", "remap"), "A3", (DIFFERS,)),
    Bug(_device("underflow", "remap"), "A4", (DIFFERS,)),
    Bug(_device("one-more", "fault-page"), "A5", (DIFFERS,)),
    Bug(_device("grow", "fault-page"), "A6", (DIFFERS,)),
    Bug(_device("overrun", "remap"), "A7", (DIFFERS,)),
    Bug(_device("partial", "remap"), "A8", (DIFFERS,)),
    Bug(_device("bits32", "fault-page"), "A9", (DIFFERS,)),
    Bug(_device("too-late", "fault-page"), "A11", (DIFFERS,)),
    Bug(_device("view", "fault-page"), "A14", (DIFFERS, PANIC)),
    Bug(_device("halves", "remap"), "B11", (DIFFERS,)),
    Bug("hole:fault:window", "A13", (PANIC,)),
    # faulty/loop.c, protocol.c: what a handler says.
    Bug("original:fault-page", "B1", (LOOP,)),
    Bug("nopage:fault:window", "B3", (LOOP,)),
    Bug("retry:fault:window", "B4", (LOOP,)),
    Bug("retry-page:fault-page", "B4", (LOOP,)),
    Bug("oom:fault:window", "B2", (LOOP,)),
    Bug("lock-kept:fault:window", "B4", (UNKILLABLE,)),
    Bug("completed:fault:window", "B4", (UNKILLABLE,)),
    Bug("errno:fault:window", "B2", (UNKILLABLE,)),
    Bug("oops:fault:window", "B5", (PANIC,)),
    Bug("zero:fault:window", "B5", (PANIC,)),
    Bug("locked:fault-page", "B6", (UNKILLABLE,)),
    Bug("not-locked:fault-page", "B6", (UNKILLABLE, SPLAT, PANIC)),
    Bug("unmarked:fault:window", "B7", (PANIC,)),
    Bug("unmixed:fault-page", "B7", (PANIC,)),
    Bug("cow:fault:window", "B8", (PANIC,)),
    Bug("remap-late:fault:window", "B9", (SPLAT, PANIC, DIFFERS)),
    Bug("late-flags:fault:window", "F4", (SPLAT, PANIC, DIFFERS)),
    Bug("warn:fault:window", "W", (SPLAT,)),
    # faulty/crash.c
    Bug("noisy:fault:window", "W", (SPLAT,)),
    Bug("panic:fault:window", "W", (PANIC,)),
    Bug("reset:fault:window", "H", (LOST,)),
    Bug("killed:fault:window", "H", (KILLED,)),
    # faulty/huge.c
    Bug("crooked:huge", "B10", (DIFFERS,), since=(6, 6)),
    Bug("broad:huge", "B10", (DIFFERS, SPLAT, PANIC), since=(6, 6)),
    # faulty/sleep.c: handlers that do not come back.
    Bug("sleep:fault:window", "H", (HANG,)),
    Bug("stuck:fault:window", "H", (UNKILLABLE,)),
    Bug("spin:fault:window", "H", (UNKILLABLE,)),
    Bug("deaf:fault:window", "H", (UNKILLABLE, LOST)),
    # faulty/life.c, owner.c: who needs memory, and for how long.
    Bug("freed:fault:window", "C1", (DIFFERS, SPLAT)),
    Bug("no-get:fault-page", "C3", (DIFFERS, SPLAT, PANIC)),
    Bug("get-twice:fault-page", "C4", (DIFFERS,)),
    Bug(_device("no-open", "fault", ":own"), "C5", (DIFFERS, SPLAT, PANIC)),
    Bug(_device("no-fork", "fault", ":own"), "C6", (DIFFERS, SPLAT, PANIC)),
    Bug(_device("no-undo", "fault-page"), "C7", (DIFFERS,)),
    Bug(_device("no-owner", "fault-page"), "C12", (DIFFERS, PANIC)),
    Bug("marked:fault-page", "C13", (SPLAT, PANIC), debug=True),
    Bug(_device("block", "insert"), "C14", (DIFFERS,)),
    # faulty/rights.c: what is allowed.
    Bug("maywrite:fault:window", "D1", (DIFFERS,)),
    Bug("shared-prot:remap:window", "D2", (DIFFERS,)),
    Bug("lazy-prot:fault:window", "D2", (DIFFERS,)),
    Bug("dumped:fault:window", "D6", (DIFFERS,)),
    Bug("page-io:fault-page", "D7", (DIFFERS,)),
    Bug("no-io:fault:window", "D7", (DIFFERS,)),
    Bug("growing:fault-page", "A6", (DIFFERS,)),
    # faulty/contents.c, owner.c: which memory.
    Bug(_device("unzeroed", "fault-page", ":own"), "E1", (DIFFERS,)),
    Bug(_device("slab", "fault"), "E2", (DIFFERS,)),
    Bug("swapped:fault:window", "E3", (DIFFERS,)),
    Bug("virt:fault", "E3", (PANIC,)),
    Bug("relative:fault:window", "E3", (DIFFERS,)),
    Bug("uncached:remap:window", "E4", (SPLAT,)),
    Bug("uncounted:fault-page", "E5", (DIFFERS,)),
    Bug(_device("no-access", "fault"), "E6", (DIFFERS,)),
    Bug(_device("long-access", "fault"), "E6", (DIFFERS,)),
    Bug(_device("anonymous", "fault-page"), "E8", (DIFFERS,)),
    # faulty/race.c, lock.c: others at the same time, and who waits for himself.
    Bug("busy:fault-page", "B2", (DIFFERS,)),
    Bug("unlocked:fault:window", "S", (DIFFERS,)),
    Bug(_device("copying", "fault-page"), "F1", (UNKILLABLE, SPLAT)),
    Bug(_device("crossed", "fault-page"), "F2", (SPLAT,), debug=True),
    Bug("relock:fault:window", "F3", (SPLAT,), debug=True),
)

#: methods and devices that are right, with the module loaded
RIGHT = (
    ("remap", "fault"),
    ("prefault", "huge"),
    ("fault-page", "insert", "insert-batch", "vmalloc"),
    (
        _device("right-remap", "remap"),
        _device("right-frames", "fault"),
        _device("right-pages", "fault-page"),
        _device("right-insert", "insert"),
        _device("right-own", "fault-page", ":own"),
    ),
)
