"""What legitimately differs by the way in which a method maps: one table.

Contents are the same whatever the method. What else can be seen of a mapping goes by
two things: whether its PTEs lead to PFNs or to pages, and whether mmap() or faults
make them. Each row is a program whose last result is the answer, and each holds in
both directions: a method with an answer of another column is wrong.

Documentation/driver.rst has the table; host/test_differences.py compares the two,
and test_differences.py asks every pair that the driver offers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mmapkit.grammar import parse_program
from mmapkit.model.columns import DECIDED
from mmapkit.program import Program
from mmapkit.target import Node, Traits
from mmapkit.verdict import Errno, Result, Signal, Value, Words

#: what programs store; content of the kit is never so
STORED = 0x5A5A5A5A


@dataclass(frozen=True, slots=True)
class Column:
    """A way to map, and the methods of the driver that take it."""

    title: str
    pages: bool
    eager: bool
    methods: frozenset[str]


COLUMNS = (
    Column("PFNs, mmap", False, True, frozenset({"remap"})),
    Column("PFNs, fault", False, False, frozenset({"fault", "prefault", "huge"})),
    Column("pages, mmap", True, True, frozenset({"insert", "insert-batch", "vmalloc"})),
    Column("pages, fault", True, False, frozenset({"fault-page"})),
)


def column_of(node: Node) -> int:
    """Return the number of the column that a node has to be in."""
    ways = [(column.pages, column.eager) for column in COLUMNS]
    return ways.index((node.pages, node.eager))


def _word(result: Result) -> str:
    """Return an errno or a signal, or "ok"."""
    return result.name if isinstance(result, Errno | Signal) else "ok"


def _value(result: Result) -> str:
    """Tell whether a load has found what was stored, or what was there before."""
    if not isinstance(result, Value):
        return _word(result)
    return "stored" if result.value == STORED else "memory"


def _count(result: Result) -> str:
    return str(result.value) if isinstance(result, Value) else _word(result)


def _flags(result: Result) -> str:
    words = result.words if isinstance(result, Words) else ()
    return " ".join(sorted(DECIDED.intersection(words)))


def _rss(result: Result) -> str:
    words = result.words if isinstance(result, Words) else ()
    return next((word[4:] for word in words if word.startswith("rss=")), "none")


def _frame(result: Result) -> str:
    """Tell what is told of one page: a count, or whether a PFN and what sort."""
    if not isinstance(result, Words):
        return _word(result)
    number, colon, sort = result.words[0].partition(":")
    # The model has "?" where nobody knows the PFN before it is seen.
    known = number.startswith("0x") or number == "?"
    return ("PFN" if known else number) + colon + sort


@dataclass(frozen=True, slots=True)
class Row:
    """Something that can be seen, and what it is in each column.

    text: of the program behind the open(); one that leaves {sharing} open is for
    both sorts of mappings. read: what the last result says. source: of the rule.
    everywhere: the answer of all columns on machines that have none.
    """

    what: str
    answers: tuple[str, str, str, str]
    source: str
    text: str
    read: Callable[[Result], str] = _word
    everywhere: Callable[[Traits], str | None] = lambda traits: None

    @property
    def differs(self) -> bool:
        """Tell whether it is a difference; else all columns are the same."""
        return len(set(self.answers)) > 1

    def programs(self, node: Node) -> Iterator[Program]:
        """Return the programs that ask a node for its answer."""
        open_sharing = "{sharing}" in self.text
        for sharing in ("shared", "private") if open_sharing else ("",):
            body = self.text.format(sharing=sharing)
            yield parse_program(f"open f0 {node.path} rdwr\n{body}")

    def due(self, column: int, traits: Traits) -> str:
        """Return the answer of a column on a machine."""
        return self.everywhere(traits) or self.answers[column]


_SHARED = "mmap m0 f0 off=0x1000 len=0x3000 prot=rw flags=shared\n"
_PRIVATE = "mmap m0 f0 off=0x1000 len=0x3000 prot=rw flags=private\n"
_EITHER = "mmap m0 f0 off=0x1000 len=0x3000 prot=rw flags={sharing}\n"
_STORE = f"store m0 4 {STORED:#x}\n"


def _enosys(traits: Traits) -> str | None:
    return None if traits.cross_memory else "ENOSYS"


def _copied_forks(traits: Traits) -> str | None:
    return "ok" if traits.tracked_forks else None


ROWS = (
    # How the PTEs are made.
    Row(
        "VmFlags, shared",
        ("dd de io pf", "dd de io pf", "dd de mm", "dd de"),
        "remap_pfn_range(), vm_insert_page(); show_smap_vma_flags()",
        _SHARED + "smaps m0",
        _flags,
    ),
    Row(
        "VmFlags, private",
        ("dd de io pf", "dd de io mm", "dd de mm", "dd de"),
        "vmf_insert_mixed(): copies beside PFNs, vm_normal_page()",
        _PRIVATE + "smaps m0",
        _flags,
    ),
    Row(
        "faults of the first load",
        ("0", "1", "0", "1"),
        "handle_pte_fault(), mm_account_fault()",
        _EITHER + "load m0 4\nfaults",
        _count,
    ),
    # Who knows of the pages.
    Row(
        "Rss of 3 pages that were read",
        ("0", "0", "3", "3"),
        "smaps_account(): of special PTEs mm knows no page",
        _EITHER + "digest m0\nsmaps m0",
        _rss,
    ),
    Row(
        "pagemap, shared",
        ("-", "-", "PFN:file", "PFN:file"),
        "walk_page_test() passes VM_PFNMAP over",
        _SHARED + "load m0 4\npagemap m0 len=0x1000",
        _frame,
    ),
    Row(
        "pagemap, private",
        ("-", "PFN", "PFN:file", "PFN:file"),
        "pte_to_pagemap_entry()",
        _PRIVATE + "load m0 4\npagemap m0 len=0x1000",
        _frame,
    ),
    Row(
        "kpagecount, private",
        ("-", "0", "1", "1"),
        "page_mapcount(): insert_pfn() takes no reference and counts nothing",
        _PRIVATE + "load m0 4\nkpagecount m0 len=0x1000",
        _frame,
    ),
    # Who gets at them.
    Row(
        "process_vm_readv(2)",
        ("EFAULT", "EFAULT", "ok", "ok"),
        "check_vma_flags(): VM_IO | VM_PFNMAP",
        _EITHER + "load m0 4\npeek m0 len=8 via=readv",
        everywhere=_enosys,
    ),
    Row(
        "process_vm_writev(2)",
        ("EFAULT", "EFAULT", "ok", "ok"),
        "check_vma_flags()",
        _EITHER + f"load m0 4\npoke m0 data={'77' * 8} via=writev",
        everywhere=_enosys,
    ),
    Row(
        "vmsplice(2)",
        ("EFAULT", "EFAULT", "ok", "ok"),
        "get_user_pages_fast()",
        _EITHER + "load m0 4\npeek m0 len=8 via=splice",
    ),
    Row(
        "debugger writes, private",
        ("EIO", "EIO", "ok", "ok"),
        "FOLL_FORCE in check_vma_flags(), else .access",
        _PRIVATE + "load m0 4\npoke m0 data=77",
    ),
    # What a process may advise.
    Row(
        "MADV_DONTNEED, shared",
        ("EINVAL", "EINVAL", "ok", "ok"),
        "madvise_dontneed_free_valid_vma(): VM_PFNMAP",
        _SHARED + _STORE + "madvise m0 dontneed",
    ),
    Row(
        "load after that, shared",
        ("stored", "stored", "SIGBUS", "stored"),
        "do_fault(): without .fault nothing brings a page back",
        _SHARED + _STORE + "madvise m0 dontneed\nload m0 4",
        _value,
    ),
    Row(
        "MADV_DONTNEED, private copy",
        ("EINVAL", "ok", "ok", "ok"),
        "madvise_dontneed_free_valid_vma(): VM_PFNMAP",
        _PRIVATE + _STORE + "madvise m0 dontneed",
    ),
    Row(
        "load after that, private",
        ("stored", "memory", "SIGBUS", "memory"),
        "madvise(2), MADV_DONTNEED: repopulated from the file",
        _PRIVATE + _STORE + "madvise m0 dontneed\nload m0 4",
        _value,
    ),
    Row(
        "MADV_POPULATE_READ",
        ("EINVAL", "EINVAL", "ok", "ok"),
        "faultin_page_range(), check_vma_flags()",
        _EITHER + "madvise m0 populate_read",
    ),
    Row(
        "MADV_COLD, shared",
        ("EINVAL", "EINVAL", "ok", "ok"),
        "can_madv_lru_vma(): VM_PFNMAP",
        _SHARED + "load m0 4\nmadvise m0 cold",
    ),
    Row(
        "fork, first page copied [2]_",
        ("ENOMEM", "ok", "ok", "ok"),
        "get_pat_info() before 04c35ab3bdae",
        _PRIVATE + _STORE + "fork p1",
        everywhere=_copied_forks,
    ),
    # What is the same.
    Row(
        "shared store, in a child",
        ("stored",) * 4,
        "mmap(2), MAP_SHARED",
        _SHARED + "fork p1\n" + _STORE + "p1: load m0 4",
        _value,
    ),
    Row(
        "private store, in a child",
        ("memory",) * 4,
        "mmap(2), MAP_PRIVATE",
        _PRIVATE + "fork p1\n" + _STORE + "p1: load m0 4",
        _value,
    ),
    Row(
        "private store, head unmapped",
        ("stored",) * 4,
        "remap_pfn_range() of a part would be refused, of the whole it is not",
        _PRIVATE + f"munmap m0 len=0x1000\nstore m0+0x1000 4 {STORED:#x}\n"
        "load m0+0x1000 4",
        _value,
    ),
    Row(
        "load after close(2)",
        ("stored",) * 4,
        "close(2), mmap(2): the mapping stays",
        _EITHER + _STORE + "close f0\nload m0 4",
        _value,
    ),
    Row(
        "store where PROT_READ",
        ("SIGSEGV",) * 4,
        "mprotect(2); all pass vma->vm_page_prot on",
        "mmap m0 f0 off=0 len=0x1000 prot=r flags={sharing}\nload m0 4\n" + _STORE,
    ),
    Row(
        "mremap(2) to grow",
        ("EFAULT",) * 4,
        "VM_DONTEXPAND, which vm_insert_page() leaves to the driver",
        _EITHER + "mremap m0 m0 len=0x3000 new=0x4000 flags=maymove",
    ),
    Row(
        "MREMAP_DONTUNMAP",
        ("EINVAL",) * 4,
        "vma_to_resize(): VM_DONTEXPAND | VM_PFNMAP",
        _EITHER + "mremap m0 m0 len=0x3000 new=0x3000 flags=maymove,dontunmap",
    ),
    Row(
        "MADV_DODUMP",
        ("EINVAL",) * 4,
        "madvise_vma_behavior(): VM_SPECIAL",
        _EITHER + "madvise m0 dodump",
    ),
    Row(
        "mlock(2)",
        ("ok",) * 4,
        "mlock_fixup() passes VM_SPECIAL over",
        _EITHER + "mlock m0",
    ),
    Row(
        "debugger reads",
        ("ok",) * 4,
        "__access_remote_vm(): pages, else .access",
        _EITHER + "load m0 4\npeek m0 len=8",
    ),
    Row(
        "write(2) from it",
        ("ok",) * 4,
        "copy_from_user() under the address of the program",
        _EITHER + "load m0 4\npeek m0 len=8 via=write",
    ),
)


def lines() -> list[str]:
    """Return the table as Documentation/driver.rst has it."""
    head = ("", *(column.title for column in COLUMNS))
    texts = [(row.what, *row.answers) for row in ROWS]
    widths = [
        max(len(text) for text in texts) for texts in zip(head, *texts, strict=True)
    ]

    def line(cells: tuple[str, ...]) -> str:
        pairs = zip(cells, widths, strict=True)
        return "  ".join(f"{cell:{width}}" for cell, width in pairs).rstrip()

    rule = line(tuple("=" * width for width in widths))
    return [rule, line(("What", *head[1:])), rule, *map(line, texts), rule]
