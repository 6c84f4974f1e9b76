"""What the model makes of what was seen of a mapping: what is right, no more."""

from dataclasses import replace

import pytest

from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.target import SLAB, Node, Patterned, Target, Traits, Window
from mmapkit.verdict import parse_result

BASE, PAGES, SCATTERED = 0x5400000, 0x5800000, 1 << 60
SIZE = 0x8000

NODES = (
    Node("/dev/remap", "remap", start=BASE, size=SIZE, eager=True),
    Node("/dev/fault", "fault", start=BASE, size=SIZE),
    Node("/dev/insert", "insert", start=PAGES, size=SIZE, eager=True, pages=True),
    Node("/dev/page", "fault-page", start=SCATTERED, size=SIZE, pages=True),
    Node("/dev/own", "fault", size=SIZE, owns=True, contiguous=True, uses=SLAB),
    Node("/dev/around", "prefault", start=BASE, size=SIZE, around=True),
)
WINDOWS = (
    Window("arena", BASE, SIZE, Patterned(), True),
    Window("insert", PAGES, SIZE, Patterned(), True, "/dev/insert"),
    Window("page", SCATTERED, SIZE, Patterned(), True, "/dev/page"),
)
TARGET = Target(NODES, WINDOWS, 1 << 40)


def expect(text, told):
    """Return what is due of a program, where this was told."""
    results = tuple(map(parse_result, told))
    due, *_ = Model(TARGET).expect(parse_program(text)).nearest(results)
    return [str(result) for result in due.results]


def check(text, told, **wrong):
    """Expect that this is allowed, and each change of one result is not.

    told: the results of all operations; wrong: by the index of one, n0 to n99,
    others for it.
    """
    assert expect(text, told) == told
    for name, others in wrong.items():
        index = int(name[1:])
        for other in others:
            changed = [*told[:index], other, *told[index + 1 :]]
            assert expect(text, changed)[index] != other, other


def opened(node, sharing, *, length=0x3000, number=0):
    return (
        f"open f{number} /dev/{node} rdwr\nmmap m{number} f{number} off=0 "
        f"len={length:#x} prot=rw flags={sharing}\n"
    )


def test_frames_of_a_lazy_mapping_are_the_objects_and_in_order():
    check(
        opened("fault", "private") + "digest m0 len=0x2000\npagemap m0",
        [*told_of_digest("fault", 0x2000), "ok [0x5400 0x5401 -]"],
        n3=[
            "ok [0x5401 0x5400 -]",
            "ok [0x5401 0x5402 -]",
            "ok [0x5400 0x5400 -]",
            "ok [0x5400:file 0x5401:file -]",
            "ok [- 0x5401 -]",
            "ok [0x5400 0x5401 0x5402]",
            "ok [0x5400 swap -]",
            "ok [0x5400 hidden -]",
            "ok [0x5400 0x5401]",
            "ok 0x5400",
            "EPERM",
        ],
    )


def told_of_digest(node, length):
    """Return the results up to a digest of the beginning of a node."""
    text = opened(node, "private") + f"digest m0 len={length:#x}"
    return [str(r) for r in Model(TARGET).run(parse_program(text)).results]


@pytest.mark.parametrize("sharing", ["shared", "private"])
def test_pfn_map_is_passed_over(sharing):
    check(
        opened("remap", sharing) + "pagemap m0\nkpageflags m0\nkpagecount m0",
        ["ok", "ok", *["ok [- - -]"] * 3],
        n2=["ok [0x5400 0x5401 0x5402]"],
        n3=["ok [none none none]"],
        n4=["ok [0 0 0]"],
    )


def test_pages_are_those_of_a_file_and_counted():
    check(
        opened("insert", "shared") + "pagemap m0\nkpageflags m0\nkpagecount m0\n"
        "fork p1\nkpagecount m0\nwait p1\nkpagecount m0",
        [
            *("ok", "ok", "ok [0x5800:file 0x5801:file 0x5802:file]"),
            *("ok [none none none]", "ok [1 1 1]", "ok", "ok [2 2 2]", "ok"),
            "ok [1 1 1]",
        ],
        n2=["ok [0x5800 0x5801 0x5802]", "ok [0x5800:file 0x5802:file 0x5801:file]"],
        n3=[
            f"ok [none {word} none]"
            for word in ("buddy", "pgtable", "offline", "slab", "anon", "nopage")
        ],
        n4=["ok [0 0 0]", "ok [1 1 2]"],
        n6=["ok [1 1 1]", "ok [2 2 3]"],
        # An address space may be held for a moment; pages that leak are more.
        n8=["ok [0 1 1]", "ok [3 1 1]"],
    )


def test_scattered_memory_is_learnt_and_then_the_same():
    text = opened("page", "shared") + opened("page", "private", number=1)
    text += (
        "store m0 1 1\nstore m0+0x1000 1 1\nload m1+0x1000 1\npagemap m0\npagemap m1"
    )
    told = [*["ok"] * 6, "ok 0x1", "ok [0x77:file 0x31:file -]", "ok [- 0x31:file -]"]
    check(
        text,
        told,
        n7=["ok [0x77:file 0x77:file -]", "ok [0x5400:file 0x31:file -]"],
        n8=["ok [- 0x32:file -]", "ok [- 0x77:file -]", "ok [- 0x31 -]"],
    )


def test_memory_of_one_mapping_lies_in_one_piece():
    text = opened("own", "private") + "load m0+0x1000 1\npagemap m0\nload m0 1\n"
    text += "load m0+0x2000 1\npagemap m0\nkpageflags m0"
    told = ["ok", "ok", "ok 0x0", "ok [- 0x900 -]", "ok 0x0", "ok 0x0"]
    check(
        text,
        [*told, "ok [0x8ff 0x900 0x901]", "ok [slab none slab]"],
        n6=["ok [0x8ff 0x900 0x902]", "ok [0x8fe 0x900 0x901]"],
        n7=["ok [slab buddy slab]"],
    )


COPIED = opened("fault", "private") + "store m0 1 7\nload m0+0x1000 1\npagemap m0\n"


def test_copy_is_none_of_the_object():
    (value,) = expect(COPIED, [])[3:4]
    told = ["ok", "ok", "ok", value, "ok [0x31 0x5401 -]"]
    wrong = ["ok [0x5400 0x5401 -]", "ok [0x5401 0x5401 -]", "ok [0x5807 0x5401 -]"]
    wrong += ["ok [- 0x5401 -]", "ok [0x31:file 0x5401 -]", "ok [0x31 0x31 -]"]
    check(COPIED, told, n4=wrong)


def test_copy_is_that_of_the_parent_until_one_stores():
    text = COPIED + "fork p1\np1: pagemap m0\np1: kpagecount m0\np1: store m0 1 8\n"
    text += "p1: pagemap m0\npagemap m0\nkpagecount m0\nstore m0 1 9\npagemap m0"
    (value,) = expect(COPIED, [])[3:4]
    told = [
        *("ok", "ok", "ok", value, "ok [0x31 0x5401 -]", "ok"),
        *("ok [0x31 0x5401 -]", "ok [2 0 -]", "ok", "ok [0x32 0x5401 -]"),
        *("ok [0x31 0x5401 -]", "ok [1 0 -]", "ok", "ok [0x31 0x5401 -]"),
    ]
    check(
        text,
        told,
        n6=["ok [0x32 0x5401 -]", "ok [- 0x5401 -]"],
        n7=["ok [1 0 -]", "ok [2 1 -]"],
        n9=["ok [0x31 0x5401 -]", "ok [0x5400 0x5401 -]"],
        n10=["ok [0x32 0x5401 -]"],
        n11=["ok [2 0 -]"],
        n13=["ok [0x32 0x5401 -]"],
    )
    assert expect(text, [*told[:13], "ok [0x33 0x5401 -]"])[13] == "ok [0x33 0x5401 -]"


def test_copy_that_was_dropped_gives_way_to_the_object():
    text = opened("page", "private") + "store m0 1 7\npagemap m0\n"
    text += "madvise m0 dontneed\npagemap m0\nload m0 1\npagemap m0"
    value = expect(text, [])[6]
    told = ["ok"] * 3 + ["ok [0x31 - -]", "ok", "ok [- - -]", value]
    check(
        text,
        [*told, "ok [0x44:file - -]"],
        n5=["ok [0x31 - -]"],
        n7=["ok [0x31 - -]", "ok [0x44 - -]"],
    )


FLAGS = {
    ("remap", "shared"): "dd de io me mr ms mw pf rd sh wr rss=0 anonymous=0",
    ("remap", "private"): "ac dd de io me mr mw pf rd wr rss=0 anonymous=0",
    ("fault", "shared"): "dd de io me mr ms mw pf rd sd sh wr rss=0 anonymous=0",
    ("fault", "private"): "dd de io me mm mr mw rd wr rss=0 anonymous=0",
    ("insert", "shared"): "dd de me mm mr ms mw rd sh wr rss=3 anonymous=0",
    ("insert", "private"): "dd de me mm mr mw rd wr rss=3 anonymous=0",
    ("page", "shared"): "dd de me mr ms mw rd sh wr rss=0 anonymous=0",
}


@pytest.mark.parametrize(("node", "sharing"), FLAGS)
def test_vma_has_the_flags_of_its_column_and_no_others(node, sharing):
    words = FLAGS[node, sharing].split()
    decided = ("io", "pf", "mm", "de", "dd", "dc", "sh", "mw", "wr")
    wrong = []
    for flag in decided:
        other = set(words[:-2]) ^ {flag}
        wrong.append(f"ok [{' '.join([*sorted(other), *words[-2:]])}]")
    counts = ["rss=1 anonymous=0", "rss=0 anonymous=1", "rss=3 anonymous=3"]
    wrong += [f"ok [{' '.join(words[:-2])} {pair}]" for pair in counts]
    told = ["ok", "ok", f"ok [{' '.join(words)}]"]
    check(opened(node, sharing) + "smaps m0", told, n2=wrong)


def test_vma_tells_what_it_was_advised_and_who_may_write():
    text = (
        "open f0 /dev/fault rdonly\nmmap m0 f0 off=0 len=0x3000 prot=r flags=shared\n"
    )
    text += "madvise m0 dontfork\nmadvise m0 sequential\nsmaps m0\nsmaps m0+0x3000"
    told = ["ok [dc dd de io me mr ms pf rd sr rss=0 anonymous=0]", "ENOMEM"]
    check(text, ["ok"] * 4 + told, n5=["ok [rd rss=0 anonymous=0]"])


def test_vma_of_a_part_has_the_pages_of_that_part():
    text = opened("insert", "private") + "munmap m0 len=0x1000\nstore m0+0x1000 1 1\n"
    text += "mprotect m0+0x2000 prot=r\nsmaps m0+0x1000\nsmaps m0+0x2000"
    told = [
        "ok [ac dd de me mm mr mw rd wr rss=1 anonymous=1]",
        "ok [ac dd de me mm mr mw rd rss=1 anonymous=0]",
    ]
    check(
        text,
        ["ok"] * 5 + told,
        n5=[told[1], told[0].replace("rss=1", "rss=2")],
        n6=[told[0], told[1].replace("rss=1", "rss=0")],
    )


FAULTS = {
    # A load, a store after it, a store elsewhere, a digest of three pages.
    ("remap", "shared"): (0, 0, 0, 0),
    ("insert", "shared"): (0, 0, 0, 0),
    ("fault", "shared"): (1, 0, 1, 1),
    ("page", "shared"): (1, 0, 1, 1),
    ("insert", "private"): (0, 1, 1, 0),
    ("page", "private"): (1, 1, 1, 1),
    ("fault", "private"): (1, 1, 2, 1),
}


@pytest.mark.parametrize(("node", "sharing"), FAULTS)
def test_access_takes_a_fault_for_each_page_that_is_not_there(node, sharing):
    text = opened(node, sharing) + "load m0 1\nfaults\nstore m0 1 1\nfaults\n"
    text += "store m0+0x1000 1 1\nfaults\ndigest m0\nfaults"
    told = expect(text, [])
    for index, count in zip((3, 5, 7, 9), FAULTS[node, sharing], strict=True):
        told[index] = f"ok {count:#x}"
    wrong = {
        f"n{n}": [f"ok {int(told[n][3:], 16) + 1:#x}", "void"] for n in (3, 5, 7, 9)
    }
    if told[3] == "ok 0x1":
        wrong["n3"].append("ok 0x0")
    check(text, told, **wrong)


def test_fault_that_brings_its_neighbours_saves_theirs():
    text = opened("around", "shared") + "load m0 1\nload m0+0x1000 1\nfaults"
    before = expect(text, [])[:4]
    for count in ("ok 0x0", "ok 0x1"):
        assert expect(text, [*before, count])[4] == count
    assert expect(text, [*before, "ok 0x2"])[4] != "ok 0x2"


def test_faults_of_a_refused_access_are_nobodys_business():
    text = (
        "faults\n" + opened("fault", "shared") + "load m0 1\nload m0+0x3000 1\nfaults\n"
    )
    text += "fork p1\np1: faults\np1: load m0 1\np1: faults"
    told = expect(text, [])
    assert told[0] == told[5] == told[7] == "void"
    assert told[9] in ("ok 0x0", "ok 0x1")


def test_more_pages_than_a_result_holds_are_refused():
    target = replace(TARGET, traits=Traits())
    text = opened("fault", "shared", length=SIZE) + "pagemap m0 len=0x21000"
    assert str(Model(target).run(parse_program(text)).results[2]) == "E2BIG"


def test_look_leaves_everything_as_it_was():
    text = opened("fault", "private") + "load m0 1\n{}pagemap m0"
    looks = "pagemap m0\nkpageflags m0\nkpagecount m0\nsmaps m0\nmincore m0\n"
    assert expect(text.format(looks), [])[-1] == expect(text.format(""), [])[-1]


def test_who_faults_in_a_block_is_open():
    text = opened("fault", "shared") + "thread p1\ntogether\n  p0: load m0 1\n"
    text += "  p1: load m0 1\nend\nfaults\np1: faults"
    told = expect(text, [])[:5]
    for counts in (["ok 0x1", "ok 0x0"], ["ok 0x0", "ok 0x1"], ["ok 0x1", "ok 0x1"]):
        assert expect(text, told + counts)[5:] == counts
    assert expect(text, [*told, "ok 0x9", "ok 0x0"])[5] != "ok 0x9"


@pytest.mark.parametrize(
    ("mapping", "open_"),
    [
        ("- len=0x1000 prot=rw flags=private", True),
        ("- len=0x1000 prot=rw flags=shared", False),
        ("f0 off=0 len=0x1000 prot=rw flags=private", False),
    ],
)
def test_reading_ahead_without_swap_is_refused_where_no_file_is(mapping, open_):
    text = f"open f0 /dev/fault rdwr\nmmap m0 {mapping}\nmadvise m0 willneed\n"
    told = expect(text, ["ok", "ok", "EBADF"])
    assert (told[2] == "EBADF") is open_
