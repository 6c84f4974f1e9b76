"""The bugs of memphys_faulty: what each pretends to be, and what tells it.

One row a bug. The suite is not told any of this but name and kind.
"""

from dataclasses import dataclass

#: verdicts, as alarms tell them
DIFFERS, SPLAT, LOOP, HANG = "differs", "splat", "retry-loop", "hang"
UNKILLABLE, PANIC, LOST = "unkillable", "panic", "lost"

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


BUGS = (
    # The protocol of a fault handler.
    Bug("original:fault-page", "B1", (LOOP,)),
    Bug("busy:fault-page", "B2", (DIFFERS,)),
    Bug("nopage:fault:window", "B3", (LOOP,)),
    Bug("retry:fault:window", "B4", (LOOP,)),
    Bug("oops:fault:window", "B5", (PANIC,)),
    Bug("warn:fault:window", "W", (SPLAT,)),
    # Handlers that wait.
    Bug("sleep:fault:window", "H1", (HANG,)),
    Bug("stuck:fault:window", "H2", (UNKILLABLE,)),
    # What is mapped.
    Bug("freed:fault:window", "C1", (DIFFERS, SPLAT)),
    Bug("swapped:fault:window", "E3", (DIFFERS,)),
    Bug("shared-prot:remap:window", "D2", (DIFFERS,)),
    Bug("page-io:fault-page", "D7", (DIFFERS,)),
    # Others at the same time.
    Bug("unlocked:fault:window", "B2", (DIFFERS,)),
)

#: methods and devices that are right, with the module loaded
RIGHT = (
    ("remap", "fault"),
    ("prefault", "huge"),
    ("fault-page", "insert", "insert-batch", "vmalloc"),
)
