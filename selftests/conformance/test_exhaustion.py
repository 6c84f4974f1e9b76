"""Memory runs out at every place in turn: nothing is lost, and all says so.

Each allocation that a request, an open, an mmap() or a fault makes fails once,
one a run, until there is none left to fail. What comes of it is success or an
error that says why; the driver holds nothing of what has failed, and the same
thing works right afterwards. Only on kernels that can fail on purpose; what has
leaked is told by kmemleak when the machine ends.
"""

from itertools import count

import pytest

from mmapkit.control import Backing, Command, Lifetime, MethodFlag
from mmapkit.grammar import parse_program
from mmapkit.targets.memphys import read_target
from mmapkit.targets.regions import make
from mmapkit.text import format_operation

SIZE = 0x8000
NODE = "/dev/memphys/r0"

# Hundreds of programs each, on the slowest of kernels.
pytestmark = pytest.mark.timeout(900)

#: what a call says that found no memory; sockets have words of their own
#: (__sock_create() and netlink_ack() of the kernel)
OUT_OF_MEMORY = {"ENOMEM", "ENFILE", "ENOBUFS"}


@pytest.fixture(scope="module")
def own(make_lab, let_fail):
    """A lab of machines where allocations of a task can fail."""

    def read(machine):
        let_fail(machine)
        return read_target(machine)

    own = make_lab(read)
    yield own
    own.close()


@pytest.fixture
def machine(own):
    return own.machine


@pytest.fixture
def run(own):
    """Run lines as a program; returns the results as text."""

    def run(*lines):
        outcome = own.run_raw(parse_program("\n".join(lines)), quick=True)
        return [str(result) for result in outcome.results]

    return run


@pytest.fixture
def sweep(run):
    """Run a line once for each of its allocations, which fails.

    Yields the results of what comes before, of the line, and of what comes
    after it, in turn; the last time nothing has failed.
    """

    def sweep(before, line, after):
        for nth in count(1):
            script = [*before, f"fail-nth {nth}", line, "fail-nth 0", *after]
            results = run(*script)
            at = len(before)
            yield results[:at], results[at + 1], results[at + 3 :]
            if results[at + 2] != "ok 0x0":
                assert nth > 1, f"nothing was allocated: {line}"
                return

    return sweep


def request(control, command, **attributes):
    return format_operation(control.program_request(command, **attributes))


@pytest.fixture
def each(own, control, pairs, subtests):
    """Call for each pair of method and backing, one subtest a pair.

    once: a key of the pair; of those with the same key, only the first.
    """

    def each(body, once):
        first = {once(pair): pair for pair in reversed(list(pairs(control)))}
        for pair in reversed(first.values()):
            with subtests.test(pair.name):
                make(control, own.target, pair, "r0", SIZE)
                try:
                    body(pair)
                finally:
                    control.region_del("r0", revoke=True)

    return each


def geometry(own, pair):
    phys = pair.backing is Backing.PHYS
    return {
        "backing": pair.backing,
        "method": pair.method.name,
        "size": SIZE,
        "lifetime": pair.lifetime,
        "base": own.target.window("arena").base if phys else None,
    }


def name(pair):
    return pair.name


def kind(pair):
    """What faults depend on: not on whose the memory is."""
    return pair.method.name, pair.backing


def method(pair):
    return pair.method.name


def held(control):
    """What anybody holds of region r0."""
    counters = control.region("r0").counters
    return counters.opens, counters.vmas, counters.references or 0


def test_region_new_without_memory_leaves_nothing(own, control, pairs, sweep, subtests):
    """Made, or not at all: ENOBUFS is of the answer, whose request is done.

    Guards: C4, C7.
    """
    before = control.regions()
    done = set()
    for pair in pairs(control):
        # What is allocated does not depend on the method, and later if at all
        # where each mapping has memory of its own.
        what = pair.backing if pair.lifetime is Lifetime.REGION else pair.lifetime
        if what in done:
            continue
        done.add(what)
        with subtests.test(pair.name):
            spec = {
                name: getattr(value, "value", value)
                for name, value in geometry(own, pair).items()
            }
            new = request(control, Command.REGION_NEW, name="r0", **spec)
            end = request(control, Command.REGION_DEL, name="r0")
            again = [f"open f0 {NODE} rdwr", "close f0", end, new, end]
            seen = set()
            for _, result, after in sweep([], new, again):
                seen.add(result)
                assert result in {"ok", *OUT_OF_MEMORY}
                opened, _, ended, *rest = after
                if result == "ok":
                    assert (opened, ended) == ("ok", "ok")
                elif result != "ENOBUFS":
                    assert (opened, ended) == ("ENOENT", "ENOENT")
                assert opened == ended
                assert rest == ["ok", "ok"]
            assert {"ok", "ENOMEM"} <= seen
            assert control.regions() == before


def test_region_del_without_memory_ends_the_region(control, own, pairs, sweep):
    """What takes away needs no memory: the region is gone, whatever is answered.

    Guards: C4.
    """
    pair = next(pair for pair in pairs(control) if pair.backing is Backing.PAGES)
    spec = {
        name: getattr(value, "value", value)
        for name, value in geometry(own, pair).items()
    }
    new = request(control, Command.REGION_NEW, name="r0", **spec)
    for revoke in (None, True):
        end = request(control, Command.REGION_DEL, name="r0", revoke=revoke)
        for before, result, after in sweep([new], end, [end]):
            assert before == ["ok"]
            assert result in {"ok", *OUT_OF_MEMORY}
            assert (result == "ok") <= (after == ["ENOENT"])
            assert "r0" not in [region.name for region in control.regions()]


def test_open_without_memory_opens_nothing(control, each, sweep):
    """open(2), ENOMEM, and nothing is held by what has failed.

    Guards: C4, C7.
    """

    def body(pair):
        after = [f"open f1 {NODE} rdwr"]
        seen = set()
        for _, result, again in sweep([], f"open f0 {NODE} rdwr", after):
            seen.add(result)
            assert again == ["ok"]
        assert seen == {"ok", "ENOMEM"}
        assert held(control) == (0, 0, 0)

    each(body, once=method)


@pytest.mark.parametrize(("flags", "once"), [("shared", name), ("private", method)])
def test_mmap_without_memory_maps_nothing(control, each, sweep, flags, once):
    """The error comes, and the next mmap() shows what is there.

    After an error no vm_ops->close is called: mmap_region().
    Guards: C4, C7, C8.
    """

    def body(pair):
        before = [
            f"open f0 {NODE} rdwr",
            f"mmap m1 f0 off=0 len={SIZE:#x} prot=rw flags=shared",
            "fill m1 seed=3",
            "digest m1",
        ]
        line = f"mmap m0 f0 off=0 len={SIZE:#x} prot=rw flags={flags}"
        seen = set()
        for found, result, after in sweep(
            before, line, ["digest m0", line, "digest m0"]
        ):
            seen.add(result)
            empty, again, filled = after
            assert again == "ok"
            if pair.lifetime is Lifetime.REGION:
                assert filled == found[3]
                assert empty == (filled if result == "ok" else "void")
        assert seen == {"ok", "ENOMEM"}
        assert held(control) == (0, 0, 0)

    each(body, once)


@pytest.mark.parametrize(
    ("access", "flags", "once"),
    [
        ("load m0+0x1ffc 4", "shared", kind),
        ("load m0+0x1ffc 4", "private", method),
        ("store m0+0x1ffc 4 0x5a5a5a5a", "shared", method),
        ("store m0+0x1ffc 4 0x5a5a5a5a", "private", kind),
    ],
)
def test_fault_without_memory_is_made_up_for(control, each, run, access, flags, once):
    """A task that finds no memory for a fault takes the fault again.

    VM_FAULT_OOM: pagefault_out_of_memory() in mm/oom_kill.c.
    Guards: B2, C4.
    """

    def body(pair):
        before = [
            f"open f0 {NODE} rdwr",
            f"mmap m1 f0 off=0 len={SIZE:#x} prot=rw flags=shared",
            "fill m1 seed=3",
            f"mmap m0 f0 off=0 len={SIZE:#x} prot=rw flags={flags}",
        ]
        after = ["digest m0", "digest m1"]
        due = run(*before, access, *after)
        trials = 0
        script = [*before, "fail-nth {nth}", access, "fail-nth 0", *after]
        while True:
            trials += 1
            results = run(*(line.format(nth=trials) for line in script))
            left = results.pop(len(before) + 2)
            assert results.pop(len(before)).startswith("ok")
            assert results == due
            if left != "ok 0x0":
                break
        assert held(control) == (0, 0, 0)
        if MethodFlag.EAGER not in pair.method.flags:
            assert trials > 1

    each(body, once)


def test_debugger_without_memory_reads_all_or_nothing(control, each, run):
    """Through get_user_pages() and through .access, and again right after.

    __access_remote_vm() in mm/memory.c.
    Guards: C4, E6.
    """

    def body(pair):
        before = [
            f"open f0 {NODE} rdwr",
            f"mmap m0 f0 off=0 len={SIZE:#x} prot=rw flags=shared",
            "fill m0 seed=3",
        ]
        line = "peek m0+0x1ff8 len=8"
        due = run(*before, line)[-1]
        seen = set()
        for nth in count(1):
            found, left, again = run(
                *before, f"fail-nth {nth}", line, "fail-nth 0", line
            )[-3:]
            seen.add(found)
            # ENOENT: no inode for /proc/PID/mem, proc_pident_instantiate().
            assert found in {due, "EIO", "ENOENT", *OUT_OF_MEMORY}
            assert again == due
            if left != "ok 0x0":
                break
        assert due in seen
        assert held(control) == (0, 0, 0)

    each(body, once=method)
