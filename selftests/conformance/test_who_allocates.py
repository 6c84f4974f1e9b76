"""Who allocates, and what a mapping costs: pages counted before and after.

The second question, whether memory is wasted when a driver allocates what it maps.
What is free is what the page allocator has, and what it keeps ready for each CPU:
/proc/zoneinfo has both, MemFree of /proc/meminfo the first only.
"""

import re

import pytest

from mmapkit.control import Backing, Lifetime
from mmapkit.files import read_text
from mmapkit.grammar import parse_program
from mmapkit.plugin import results_of
from mmapkit.verdict import Data, Ok

SIZE = 4 << 20
COUNT = 4
PAGES = COUNT * SIZE // 4096

#: pages that processes take which run the program, page tables, what CPUs count late
NOISE = 200

#: method, backing: the kinds a and b of the question, and their relatives
KINDS = {
    "kind a, kmalloc and remap_pfn_range": ("remap", Backing.KMALLOC),
    "kind b, vmalloc and vm_insert_page": ("insert", Backing.VMALLOC),
    "pages and a fault handler": ("fault-page", Backing.PAGES),
}

#: /proc/zoneinfo, in pieces; what is behind its end is empty
ZONES = "/proc/zoneinfo"
CHUNK, CHUNKS = 256, 80
LOOK = "".join(f"pread f31 off={n * CHUNK} len={CHUNK}\n" for n in range(CHUNKS))


def free_in(zones):
    """Return how many pages are free, also those that are kept ready for a CPU."""
    assert "pagesets" in zones
    counts = re.findall(r"(?m)^(?:  pages free +|\s+count: +)(\d+)$", zones)
    return sum(map(int, counts))


def free(machine):
    return free_in(read_text(machine, ZONES))


def mapped(machine, count, times):
    """Map each of so many regions so many times and touch it all.

    Returns the pages that were free before, with all of it mapped, and after.
    """
    each = [f"m{n}" for n in range(count * times)]
    text = f"open f31 {ZONES} rdonly\n" + LOOK
    text += "".join(f"open f{n} /dev/memphys/r{n} rdwr\n" for n in range(count))
    text += "".join(
        f"mmap {name} f{n % count} off=0 len={SIZE} prot=rw flags=shared\n"
        f"digest {name}\n"
        for n, name in enumerate(each)
    )
    text += LOOK + "".join(f"munmap {name}\n" for name in each) + LOOK
    outcome = machine.run(parse_program(text))
    data = [r.data.decode() for r in outcome.results if isinstance(r, Data)]
    looks = ("".join(data[n : n + CHUNKS]) for n in range(0, 3 * CHUNKS, CHUNKS))
    before, during, after = map(free_in, looks)
    others = [r for r in outcome.results if not isinstance(r, Data)]
    assert sum(r == Ok() for r in others) == 1 + count + 2 * len(each)
    return before, during, after


@pytest.fixture
def tell(request):
    """Write what was counted, in pages, to pages.txt of the results."""

    def tell(**pages):
        told = ", ".join(f"{name} {count}" for name, count in pages.items())
        with (results_of(request.config) / "pages.txt").open("a") as file:
            file.write(f"{request.node.name}: {told}\n")

    return tell


@pytest.fixture
def make(control):
    def make(method, backing, lifetime=Lifetime.REGION, base=None):
        for n in range(COUNT):
            control.region_new(
                f"r{n}", backing, method, SIZE, lifetime=lifetime, base=base
            )

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_driver_allocates_once_and_mappings_add_page_tables(
    lab, machine, control, make, kind, tell
):
    """One allocation, whoever maps it and how often.

    Source: Documentation/questions.rst.
    Guards: none, of methods this is the driver's.
    """
    start = free(machine)
    make(*KINDS[kind])
    made = free(machine)
    before, during, after = mapped(machine, COUNT, times=2)
    for n in range(COUNT):
        control.region_del(f"r{n}")
    end = free(machine)
    tell(
        made=start - made,
        mapped_twice=before - during,
        unmapped=before - after,
        deleted=start - end,
    )
    assert abs(start - made - PAGES) < NOISE
    # A page table has 512 PTEs.
    assert before - during < 2 * PAGES // 512 + NOISE
    assert abs(before - after) < NOISE
    assert abs(start - end) < NOISE


def test_nobody_allocates_for_physical_memory(lab, machine, control, make, tell):
    """Kind c: remap_pfn_range() of what is there.

    Source: Documentation/questions.rst.
    Guards: none, of methods this is the driver's.
    """
    start = free(machine)
    base = lab.target.window("arena").base
    make("remap", Backing.PHYS, base=base)
    made = free(machine)
    before, during, _ = mapped(machine, COUNT, times=2)
    tell(made=start - made, mapped_twice=before - during)
    assert abs(start - made) < NOISE
    assert before - during < 2 * PAGES // 512 + NOISE


@pytest.mark.parametrize(
    ("method", "backing"),
    [("insert", Backing.VMALLOC), ("fault", Backing.KMALLOC)],
    ids=["kind b in mmap itself", "kind a in mmap itself"],
)
def test_driver_that_allocates_in_mmap_does_so_each_time(
    lab, machine, make, method, backing, tell
):
    """As the question has it: kmalloc() or vmalloc() is a line of .mmap.

    Source: Documentation/questions.rst.
    Guards: none, of methods this is the driver's.
    """
    start = free(machine)
    make(method, backing, Lifetime.MAPPING)
    made = free(machine)
    before, during, after = mapped(machine, COUNT, times=2)
    tell(made=start - made, mapped_twice=before - during, unmapped=before - after)
    assert abs(start - made) < NOISE
    assert abs(before - during - 2 * PAGES) < NOISE
    assert abs(before - after) < NOISE


def test_arena_is_conventional_memory(lab, machine):
    """What the window cases map is RAM of the page allocator to the kernel.

    Source: Documentation/questions.rst.
    Guards: none, it is about the machine.
    """
    ranges = re.findall(
        r"(?m)^([0-9a-f]+)-([0-9a-f]+) : System RAM$",
        read_text(machine, "/proc/iomem"),
    )
    base = lab.target.window("arena").base
    assert any(int(a, 16) <= base <= int(b, 16) for a, b in ranges)
