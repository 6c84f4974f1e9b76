"""What the model says that a program has covered, fault by fault, shape by shape."""

from contextlib import suppress

from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.strategies.surgery import surgery
from mmapkit.tally import FAULTS, SHAPES

from .test_model_lifetime import SHAPE, TARGET
from .test_model_look import TARGET as LOOKS
from .test_strategies import sample


def covered(text, target=LOOKS):
    """Return what a program on m0 has covered, in words."""
    ending = Model(target).expect(parse_program(text)).nearest(())
    return dict(ending.covered)


def on(node, sharing, text, target=LOOKS):
    """The same for a mapping of a node; without the sort of the VMA."""
    opening = f"open f0 /dev/{node} rdwr\n"
    opening += f"mmap m0 f0 off=0 len=0x3000 prot=rw flags={sharing}\n"
    found = covered(opening + text, target)
    return {(what, which): count for (what, _, which), count in found.items()}


def test_sort_of_a_vma_is_who_shares_it_its_entries_and_who_made_them():
    text = "".join(
        f"open f0 /dev/{node} rdwr\n"
        "mmap m0 f0 off=0 len=1 prot=r flags=shared\nload m0 1\n"
        for node in ("remap", "fault", "insert", "page")
    )
    text += "mmap m1 - len=1 prot=r flags=private\nload m1 1\n"
    assert {sort for _, sort, _ in covered(text)} == {
        *("shared PFN eager", "shared PFN lazy", "shared page eager"),
        *("shared page lazy", "private memory"),
    }


def test_first_touch_of_a_lazy_page_is_a_fault_and_the_second_is_none():
    found = on("fault", "shared", "load m0 1\nload m0 1\nstore m0+0x1000 1 1\n")
    assert found["fault", "read"] == 1
    assert found["fault", "write"] == 1
    assert found["fault", "none"] == 1


def test_eager_page_has_no_first_fault():
    found = on("remap", "shared", "load m0 1\nstore m0 1 1\n")
    assert found == {("fault", "none"): 2, ("shape", "whole"): 2}


def test_copy_is_made_of_what_is_there_or_is_not():
    """And again after a fork, of the copy."""
    text = "store m0 1 1\nload m0+0x1000 1\nstore m0+0x1000 1 1\nstore m0 1 2\n"
    found = on("page", "private", text)
    assert found["fault", "cow"] == 1
    assert found["fault", "wp"] == 1
    assert found["fault", "read"] == 1
    assert found["fault", "none"] == 1
    assert on("page", "private", f"{text}fork p1\nstore m0 1 3\n")["fault", "wp"] == 2


def test_neighbour_of_a_fault_that_brings_more_is_perhaps_there():
    found = on("around", "shared", "load m0 1\nload m0+0x1000 1\n")
    assert found["fault", "perhaps"] == 2


def test_refused_access_is_counted_with_its_signal():
    found = covered(
        "mmap m0 - len=0x1000 prot=none flags=private\nload m0 1\nload m0-1 1\n"
    )
    assert found["fault", "private memory", "SIGSEGV"] == 1
    assert found["fault", "nothing", "SIGSEGV"] == 1


def test_shape_is_what_the_vma_has_been_through_when_it_is_accessed():
    def shapes(text, target=LOOKS, node="page"):
        found = on(node, "shared", text, target)
        return {which for what, which in found if what == "shape"}

    assert shapes("munmap m0 len=0x1000\n") == set()
    assert shapes("load m0 1\nmunmap m0 len=0x1000\n") == {"whole"}
    assert shapes("munmap m0 len=0x1000\nload m0+0x1000 1\n") == {"no head"}
    assert shapes("munmap m0+0x2000\nload m0+0x1000 1\n") == {"no tail"}
    cut = "munmap m0+0x1000 len=0x1000\nload m0 1\nload m0+0x2000 1\n"
    assert shapes(cut) == {"no head", "no tail"}
    assert shapes("mprotect m0+0x1000 len=0x1000 prot=r\nload m0+0x1000 1\n") == {
        "middle"
    }
    moved = "mremap m1 m0 len=0x3000 new=0x3000 flags=maymove,fixed at=m0+0x4000\n"
    assert shapes(f"{moved}load m1 1\n") == {"moved"}
    assert shapes("fork p1\np1: load m0 1\nload m0 1\n") == {"inherited", "whole"}
    revoked = "request revoke /dev/lazy\nload m0 1\n"
    assert shapes(revoked, TARGET, "lazy") == {"revoked"}


def test_memory_that_grew_is_told():
    text = "memfd f0 0x4000\nmmap m0 f0 off=0 len=0x1000 prot=rw flags=shared\n"
    text += "mremap m0 m0 len=0x1000 new=0x2000\nload m0+0x1000 1\n"
    assert covered(text)["shape", "shared memory", "grown"] == 1


def test_each_kind_and_shape_has_its_column():
    found = set()
    for program in sample(surgery(["/dev/lazy"], SHAPE, lives=True)):
        with suppress(ModelError):
            found |= set(Model(TARGET).expect(program).nearest(()).covered)
    assert {which for what, _, which in found if what == "fault"} <= {*FAULTS}
    shapes = {which for what, _, which in found if what == "shape"}
    assert {*SHAPES} - {"grown"} <= shapes <= {*SHAPES}
