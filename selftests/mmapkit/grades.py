"""Grades: what a result comes to that is not the one that is due.

What has to be so has one result, and any other is a failure. Where Linux allows
more than one there is a leeway, which says why. Which answers were seen is noted;
an answer that is legal and bad practice is a warning, and with --strict-grades a
failure.
"""

from dataclasses import dataclass
from enum import Enum


class Grade(Enum):
    """How much is to be made of it."""

    #: Linux leaves it open
    NOTE = "note"
    #: legal, and bad practice
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Leeway:
    """Why a result may be another than the due one; reason: with the source."""

    name: str
    reason: str
    grade: Grade = Grade.NOTE


# ------------------------------------------------------ what a call returns

MREMAP_OF_NOTHING = Leeway(
    "mremap of nothing",
    "kernels look at the rest of the call before the place, or after: do_mremap()",
)
DOFORK = Leeway(
    "MADV_DOFORK", "refused for pages of a driver, too, since 6.15: madvise(2)"
)
WILLNEED = Leeway(
    "MADV_WILLNEED", "without swap there is nowhere to read from: madvise_willneed()"
)
SPLICE = Leeway("vmsplice", "get_user_pages_fast() takes a page before it asks the VMA")
PAST_THE_END = Leeway(
    "mmap past the end", "a driver says EINVAL, vm_map_pages() says ENXIO"
)
LATE_ERROR = Leeway(
    "late error",
    "mmap past the end is let through: 000c4f90e3f0",
    Grade.WARN,
)

# ------------------------------------------------------ what is seen of a mapping

PTE = Leeway("PTE", "a fault nearby, or advice, may have made or taken it")
PASSED_OVER = Leeway("mincore", "until 7.3 it passes VM_PFNMAP over: walk_page_test()")
FRAME = Leeway("frame", "memory lies where it lies, and stays there")
USE = Leeway("use of a page", "memory of several sorts is right: stable_page_flags()")
MAPPED = Leeway("kpagecount", "others may have the page mapped by now, or still")
FLAGS = Leeway(
    "VmFlags", "some go with the kernel's configuration: show_smap_vma_flags()"
)
COUNTS = Leeway("Rss", "who counts which pages depends on the kernel: smaps_account()")
FAULTS = Leeway("faults", "neighbours, huge pages and others save some of them")

# ------------------------------------------------------ several tasks at once

ORDER = Leeway("order of a block", "tasks at once come in some order")

LEEWAYS = {
    leeway.name: leeway
    for leeway in (
        *(MREMAP_OF_NOTHING, DOFORK, WILLNEED, SPLICE, PAST_THE_END, LATE_ERROR),
        *(PTE, PASSED_OVER, FRAME, USE, MAPPED, FLAGS, COUNTS, FAULTS, ORDER),
    )
}
