"""Which patch brings what: one thing each, and the tree builds after any of them.

A patch brings whole files. Where a file that came before has to learn of them, in a
table, a header, a Makefile, it is the lines that name them that come along: such a
line is withheld until its patch. A paragraph that begins with such a line is withheld
as a whole.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mmapkit.errors import MmapkitError
from mmapkit.submission.layout import DOCUMENTATION, DRIVER, SELFTESTS, File

#: files that learn of what later patches bring
SHARED = frozenset(
    f"{DRIVER}/{name}" for name in ("Kconfig", "Makefile", "main.c", "memphys.h")
)


@dataclass(frozen=True, slots=True)
class Part:
    """A patch.

    files: pattern of the places that come with it, where no earlier part has them.
    names: pattern of what lines of SHARED call them. edits: files of the tree that
    change with it, by what changes them.
    """

    subject: str
    body: str
    files: str
    names: str = ""
    edits: tuple[tuple[str, Callable[[str], str]], ...] = ()


# ------------------------------------------------------- files of the tree


def _before(pattern: str, line: str, name: str) -> Callable[[str], str]:
    """Return what puts a line in front of the last one that a pattern matches."""

    def edit(text: str) -> str:
        found = [match.start() for match in re.finditer(pattern, text, re.MULTILINE)]
        if not found:
            raise MmapkitError(f"{name} of this tree: no line like {pattern}")
        return text[: found[-1]] + line + text[found[-1] :]

    return edit


def _in_order(pattern: str, line: str, name: str) -> Callable[[str], str]:
    """Return what puts a line among those of its kind, which are sorted."""

    def edit(text: str) -> str:
        found = list(re.finditer(pattern, text, re.MULTILINE))
        if not found:
            raise MmapkitError(f"{name} of this tree: no line like {pattern}")
        before = [match for match in found if match[0] < line.rstrip("\n")]
        at = before[-1].end() + 1 if before else found[0].start()
        return text[:at] + line + text[at:]

    return edit


def _append(line: str) -> Callable[[str], str]:
    return lambda text: text.rstrip("\n") + "\n" + line


KCONFIG, MAKEFILE = "drivers/misc/Kconfig", "drivers/misc/Makefile"
INDEX = "Documentation/misc-devices/index.rst"
TARGETS = "tools/testing/selftests/Makefile"

IN_MISC = (
    (KCONFIG, _before(r"^endmenu$", f'source "{DRIVER}/Kconfig"\n', KCONFIG)),
    (MAKEFILE, _append("obj-$(CONFIG_MEMPHYS)\t\t+= memphys/\n")),
)
IN_INDEX = ((INDEX, _in_order(r"^   [a-z]\S+$", "   memphys/index\n", INDEX)),)
IN_TARGETS = (
    (TARGETS, _in_order(r"^TARGETS \+= \S+$", "TARGETS += memphys\n", TARGETS)),
)


# ------------------------------------------------------------- the patches

PARTS = (
    Part(
        "netlink: specs: add memphys",
        """\
memphys is a test driver: it maps physical memory into user space in each way
that the kernel offers to drivers, so that a test suite can compare them. Regions
of memory, each mapped by one method, are made and taken away over generic netlink.

Describe that. The uAPI header is what tools/net/ynl makes of it.
""",
        r"Documentation/netlink/specs/.*|include/uapi/.*",
    ),
    Part(
        "misc: memphys: add regions of memory, their nodes and their control",
        """\
Add all of the test driver that does not depend on how pages get into a page
table: who may open a node, what range is inside of a region, who allocates its
memory and how long it lives, counters, tracepoints, a detector of tasks that
fault at one address for ever, and the control plane.

A method is a const table that the core of the driver calls. There are none yet;
the patches to come add them by what they map.

There is a Kconfig option for machines that do not matter, and for no others:
whoever may open the nodes, which takes CAP_SYS_RAWIO, owns the machine.
""",
        rf"{DRIVER}/(Kconfig|Makefile|memphys\.h|(?!methods)[^/]*\.[ch])",
        "",
        IN_MISC,
    ),
    Part(
        "misc: memphys: map PFNs at mmap time, and page by page",
        """\
Add the two methods whose results have to be the same, byte by byte: one call of
remap_pfn_range() for all of a mapping, and a fault handler that inserts the PFN
that was touched. Each has a window, a node that shows all of physical memory.

The handler touches no struct page: the memory may be anybody's, or have none. A
copy-on-write mapping, for which vmf_insert_pfn() is a BUG_ON(), becomes VM_MIXEDMAP.
""",
        rf"{DRIVER}/methods\.c",
        r"memphys_(remap|fault)_method\b|\bmethods\.[co]\b",
    ),
    Part(
        "misc: memphys: map the neighbours of a fault",
        """\
Add two methods that map more than the page that was touched: by several PTEs, and
by one entry for a whole PMD where everything is aligned for that.
""",
        rf"{DRIVER}/methods_around\.c",
        r"memphys_(prefault|huge)_method\b|\bmethods_around\.[co]\b",
    ),
    Part(
        "misc: memphys: map pages with references",
        """\
Add the methods for memory with struct pages that are the driver's own: vmf->page,
vm_insert_page(), vm_insert_pages() and remap_vmalloc_range(). get_user_pages()
finds such pages, and each PTE holds a reference.
""",
        rf"{DRIVER}/methods_page\.c",
        r"memphys_(fault_page|insert|insert_batch|vmalloc)_method\b"
        r"|\bmethods_page\.[co]\b",
    ),
    Part(
        "misc: memphys: add methods that are wrong on purpose",
        """\
A test suite that has never failed proves little. Add a module of methods and
devices with one known bug each: the wrong page, the wrong rights, a fault that
never ends, a reference too few. The suite is to catch each, by its right name.

The module is never built in, refuses to load without disposable=1, and taints
the kernel.
""",
        rf"{DRIVER}/faulty/.*",
        r"(?i)memphys_faulty|faulty/",
    ),
    Part(
        "misc: memphys: add KUnit tests",
        """\
Test what the driver decides without mapping anything: ranges and their edges,
names, which method goes with which memory, VMA flags, limits, the arena.
""",
        rf"{DRIVER}/tests/.*",
        r"memphys_kunit|MEMPHYS_KUNIT_TEST",
    ),
    Part(
        "selftests: memphys: replay cases by a program in C",
        """\
Add the agent, a static program that carries out memory operations written as text,
watches them, and tells the result of each; and regression cases, which are such
programs with the results that are due. Alone, the agent replays them and writes KTAP.
""",
        rf"{SELFTESTS}/((agent|cases)/.*|memphys_cases\.sh|Makefile|settings|config"
        r"|\.gitignore)",
        r"TEST_PROGS \+= memphys_suite|mmapkit",
        IN_TARGETS,
    ),
    Part(
        "selftests: memphys: add the conformance suite",
        """\
Add the suite in Python: a model of what Linux and a driver have to do with a program
of memory operations, claims by example, and properties for which hypothesis makes
up the programs. It is skipped where its packages are not installed.
""",
        rf"{SELFTESTS}/.*",
        r"memphys_suite|mmapkit",
    ),
    Part(
        "Documentation: misc-devices: add memphys",
        """\
Describe the driver, its control plane, the language of the programs, and what may
be concluded from the results; and answer which call maps what, who allocates, and
why a fault handler may be called for ever.
""",
        rf"{DOCUMENTATION}/.*",
        "",
        IN_INDEX,
    ),
)

#: the files of the tree that the series changes
EDITED = (
    "MAINTAINERS",
    *(place for part in PARTS for place, _ in part.edits),
)

SHARED_LATER = SHARED | {f"{SELFTESTS}/Makefile"}


def withheld(text: str, names: str) -> str:
    """Return a text without what is named; "" for nothing that is withheld.

    A paragraph ends at an empty line that no indented one follows.
    """
    if not names:
        return text
    kept = []
    for paragraph in re.split(r"\n\n(?=\S)", text):
        lines = paragraph.split("\n")
        if re.search(names, lines[0]):
            continue
        kept.append("\n".join(line for line in lines if not re.search(names, line)))
    return "\n\n".join(kept).rstrip("\n") + "\n"


def entry_of(entry: str, person: str, places: set[str]) -> str:
    """Return an entry of MAINTAINERS as far as there are files for it."""
    title, *lines = entry.strip().splitlines()
    kept = [title, f"M:\t{person}"]
    for line in lines:
        kind, _, value = line.partition("\t")
        if kind != "F:" or any(place.startswith(value) for place in places):
            kept.append(line)
    return "\n".join(kept) + "\n"


def maintained(text: str, entry: str) -> str:
    """Return MAINTAINERS with an entry at its place."""
    title = entry.partition("\n")[0]
    for match in re.finditer(r"(?m)(?<=\n\n)([A-Z0-9][^\n]*)\n(?=[A-Z]:\t)", text):
        if match[1] > title:
            return text[: match.start()] + entry + "\n" + text[match.start() :]
    raise MmapkitError("MAINTAINERS of this tree: no place for an entry found")


@dataclass(frozen=True, slots=True)
class Step:
    """What the tree has when a part is in: all files that differ from before."""

    part: Part
    files: Mapping[str, File]


def steps(
    files: Mapping[str, File], tree: Callable[[str], str], entry: str, person: str
) -> Iterator[Step]:
    """Yield the steps from a tree without the project to one with it.

    tree returns the text of a file of the tree. entry is for MAINTAINERS, person
    whom it is to name. MmapkitError when a file comes with no part.
    """
    comes: dict[str, Part] = {}
    for part in PARTS:
        for place in files:
            if place not in comes and re.fullmatch(part.files, place):
                comes[place] = part
    if lost := sorted(set(files) - set(comes)):
        raise MmapkitError(f"no patch brings {', '.join(lost)}; see PARTS in series.py")

    seen: dict[str, File] = {}
    before = tree("MAINTAINERS")
    for number, part in enumerate(PARTS):
        now = {place: files[place] for place in files if comes[place] is part}
        present = {place for place in files if comes[place] in PARTS[: number + 1]}
        for place in SHARED_LATER & present:
            text = files[place].data.decode()
            for later in PARTS[number + 1 :]:
                text = withheld(text, later.names)
            now[place] = File(text.encode())
        for place, edit in part.edits:
            now[place] = File(edit(tree(place)).encode())
        text = maintained(before, entry_of(entry, person, present))
        now["MAINTAINERS"] = File(text.encode())
        new = {place: file for place, file in now.items() if seen.get(place) != file}
        if not new:
            raise MmapkitError(f"{part.subject}: brings nothing; see PARTS")
        seen.update(new)
        yield Step(part, new)
