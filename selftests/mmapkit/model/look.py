"""What the kernel has for a mapping: pagemap, kpageflags, kpagecount, smaps, faults.

Each answer is a set of what Linux allows, often of one; of that, what was seen is
due. None of these brings a page.
"""

from collections.abc import Callable, Collection, Iterator

from mmapkit.grades import COUNTS, FAULTS, FLAGS, FRAME, MAPPED, PTE, USE, Leeway
from mmapkit.model.columns import column
from mmapkit.model.frames import frame, holders, key_of, learn
from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import OWN
from mmapkit.model.residence import present
from mmapkit.model.state import State, Task
from mmapkit.model.vma import Vma
from mmapkit.program import (
    MAX_LOOK,
    Kpagecount,
    Kpageflags,
    OnMapping,
    Pagemap,
    Prot,
    Smaps,
)
from mmapkit.verdict import Errno, Result, Value, Void, Words

#: in place of what nobody could know before it was seen
_ANY = "?"

_NO_PTE = "-"
_HIDDEN = "hidden"

# VmFlags that no driver decides about: "sd" goes with CONFIG_MEM_SOFT_DIRTY, "ac"
# and "nr" with how memory is promised, "ar" with how x86 tracks cache modes.
_OPTIONAL = frozenset({"sd", "ac", "nr", "ar"})

# As VM_DONTCOPY and the like by what madvise() and mlock() are called with.
_ADVISED = {
    "locked": "lo",
    "dontfork": "dc",
    "dontdump": "dd",
    "wipeonfork": "wf",
    "sequential": "sr",
    "random": "rr",
    "hugepage": "hg",
    "nohugepage": "nh",
}

#: a word for a page that is there, of what was seen of it
_Tell = Callable[[State, Vma, int, str | None], str]


def pagemap(
    state: State, task: Task, mapping: Mapping, length: int, op: Pagemap
) -> Result:
    """Tell the PFN of each page; fs/proc/task_mmu.c, pagemap_pmd_range()."""
    return _each_page(state, task, mapping, length, op, _pfn)


def kpageflags(
    state: State, task: Task, mapping: Mapping, length: int, op: Kpageflags
) -> Result:
    """Tell what each page is used for; fs/proc/page.c, stable_page_flags()."""
    return _each_page(state, task, mapping, length, op, _use)


def kpagecount(
    state: State, task: Task, mapping: Mapping, length: int, op: Kpagecount
) -> Result:
    """Tell how often each page is mapped; fs/proc/page.c, page_mapcount()."""
    return _each_page(state, task, mapping, length, op, _count)


def _each_page(
    state: State, task: Task, mapping: Mapping, length: int, op: OnMapping, tell: _Tell
) -> Result:
    first = mapping.index(op.off)
    end = mapping.index(op.off + length - 1) + 1 if length else first
    if end - first > MAX_LOOK:
        return Errno("E2BIG")
    seen: tuple[str | None, ...] = (None,) * (end - first)
    if isinstance(state.seen, Words) and len(state.seen.words) == end - first:
        seen = state.seen.words
    words = []
    for index, was in zip(range(first, end), seen, strict=True):
        vma = mapping.island.find(index)
        if vma is None or not _shows(state, vma, index, was):
            words.append(_NO_PTE)
        elif "sys_admin" in task.dropped:
            words.append(_HIDDEN)
        else:
            words.append(tell(state, vma, index, was))
    return Words(tuple(words))


def _shows(state: State, vma: Vma, index: int, was: str | None) -> bool:
    """Tell whether a page has a PTE that is shown."""
    if not column(vma.kind).told:
        return False
    known = present(vma, index)
    if known is None:
        known = was is not None and was != _NO_PTE
        state.note(PTE, "there" if known else "not there")
    return known


def _pfn(state: State, vma: Vma, index: int, was: str | None) -> str:
    key = key_of(vma, index, state.page)
    if key is None:
        # The page of zeros, a huge one, or a part of a huge page beside.
        state.note(FRAME, "of nobody")
        return was if was is not None and was.startswith("0x") else _ANY
    mark = ":file" if key[0] == "page" and column(vma.kind).counted else ""
    pfn = frame(state, vma, key)
    if pfn is None:
        state.note(FRAME, "learnt")
        pfn = _frame_in(was, mark)
        if pfn is None or not learn(state, vma, key, pfn):
            return _ANY + mark
    return f"{pfn:#x}{mark}"


def _frame_in(word: str | None, mark: str) -> int | None:
    """Return the PFN of a word that has this mark behind it and no other."""
    number, colon, rest = (word or "").partition(":")
    if colon + rest != mark or not number.startswith("0x"):
        return None
    return int(number, 16)


def _use(state: State, vma: Vma, index: int, was: str | None) -> str:
    """Never "buddy", "pgtable" or "offline": such a page is not to be mapped."""
    key = key_of(vma, index, state.page)
    if key is None:
        return _one_of(state, USE, was, ("zero", "anon", "none"))
    what, address = key
    if what == "copy":
        return "anon"
    if address >= OWN:
        return _one_of(state, USE, was, vma.kind.uses)
    return _one_of(state, USE, was, state.target.covering(address).uses)


def _count(state: State, vma: Vma, index: int, was: str | None) -> str:
    key = key_of(vma, index, state.page)
    if key is None:
        state.note(MAPPED, "of nobody")
        return was if was is not None and was.isdigit() else _ANY
    least = most = 0
    for known in _ptes(state, key):
        least += known is True
        most += 1
    return _one_of(state, MAPPED, was, [str(n) for n in range(least, most + 1)])


def _ptes(state: State, key: tuple[str, int]) -> Iterator[bool | None]:
    """Return for each PTE of a page that the kernel counts whether it is there."""
    what, address = key
    for vma, alive in holders(state):
        if what == "copy":
            for index in vma.private:
                if vma.copies[index] == address:
                    yield alive or None
            continue
        if vma.offset is None or not column(vma.kind).counted:
            continue
        number, rest = divmod(address - vma.offset, state.page)
        index = vma.first + number
        if rest or not 0 <= number < vma.count or index in vma.private:
            continue
        if (known := present(vma, index)) is not False:
            yield known if alive else None


def _one_of(
    state: State, leeway: Leeway, was: str | None, allowed: Collection[str]
) -> str:
    """Return what was seen, if that is allowed."""
    found = was if was is not None and was in allowed else min(allowed)
    if len(allowed) > 1:
        state.note(leeway, found)
    return found


def smaps(state: State, mapping: Mapping, op: Smaps) -> Result:
    """Tell flags and RSS of a VMA; fs/proc/task_mmu.c, show_smap()."""
    vma = mapping.vma(op.off)
    if vma is None:
        return Errno("ENOMEM")
    seen = state.seen.words if isinstance(state.seen, Words) else ()
    optional = _OPTIONAL.intersection(seen)
    flags = _flags(vma) | optional
    state.note(FLAGS, " ".join(sorted(optional)) or "none")
    least = next(_counts(vma, ()))
    allowed = list(_counts(vma, seen))
    counts = next((pair for pair in allowed if set(pair) <= set(seen)), least)
    if len(allowed) > 1:
        state.note(COUNTS, "first" if counts == least else "another")
    return Words((*sorted(flags), *counts))


def _flags(vma: Vma) -> set[str]:
    """Return VmFlags but for the optional ones; include/linux/mm.h."""
    flags = {"mr"} | column(vma.kind).flags
    flags |= {word for prot, word in _RIGHTS if prot in vma.prot}
    flags |= {word for prot, word in _MAY if prot in vma.may}
    flags |= {"ms"} if vma.shared else set()
    flags |= {"sh"} if vma.vm_shared else set()
    return flags | {_ADVISED[flag] for flag in vma.flags}


_RIGHTS = ((Prot.R, "rd"), (Prot.W, "wr"), (Prot.X, "ex"))
_MAY = ((Prot.W, "mw"), (Prot.X, "me"))


def _counts(vma: Vma, seen: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Return what Rss and Anonymous may be, in pages."""
    copies = len(vma.private)
    if not vma.kind.special:
        # Nobody knows what it was merged with, nor what huge pages brought.
        if len(seen) > 1:
            yield seen[-2], seen[-1]
        yield f"rss={copies}", f"anonymous={copies}"
        return
    if vma.kind.pfnmap:
        yield f"rss={copies}", f"anonymous={copies}"
        # Older kernels pass VM_PFNMAP over, and the copies in it.
        yield "rss=0", "anonymous=0"
        return
    least = most = copies
    if column(vma.kind).counted:
        for index in range(vma.first, vma.end):
            if index not in vma.private:
                known = present(vma, index)
                least += known is True
                most += known is not False
    for count in range(least, most + 1):
        yield f"rss={count}", f"anonymous={copies}"


def faults(state: State, task: Task) -> Result:
    """Tell how many faults the last access of a task took; getrusage(2)."""
    if task.faults is None:
        return Void()
    least, most = task.faults
    if least == most:
        return Value(least)
    seen = state.seen
    within = isinstance(seen, Value) and least <= seen.value <= most
    found = seen.value if within and isinstance(seen, Value) else least
    state.note(FAULTS, "least" if found == least else "more")
    return Value(found)
