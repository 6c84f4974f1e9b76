"""Regions end when they may, and not before; what is taken away is gone for all.

On a machine of its own. Requests are part of the programs, so they come while
files are open and mapped. Claims are made about every pair of method and
backing that the driver offers, one subtest a pair.
"""

from contextlib import contextmanager

import pytest

from mmapkit.control import Backing, Command, Control, Lifetime
from mmapkit.errors import ControlError
from mmapkit.files import read_text
from mmapkit.grammar import format_operation, parse_program
from mmapkit.program import Program
from mmapkit.targets.memphys import read_target
from mmapkit.targets.regions import pairs
from mmapkit.verdict import Outcome, Verdict

PARAMETERS = "/sys/module/memphys/parameters"
SIZE = 0x8000
MIB = 1 << 20


@pytest.fixture(scope="module")
def own(make_lab):
    lab = make_lab(read_target)
    yield lab
    lab.close()


@pytest.fixture
def control(own):
    """The control plane; what a test has made goes away, and nothing complains."""
    with Control(own.machine) as control:
        before = {region.name for region in control.regions()}
        yield control
        for region in control.regions():
            if region.name not in before:
                control.region_del(region.name, revoke=True)
    assert own.machine.run(Program(())) == Outcome((), Verdict.OK)


@pytest.fixture
def run(own, control):
    """Run a program in which {delete} and the like stand for requests."""

    def request(command, **attributes):
        return format_operation(control.program_request(command, **attributes))

    requests = {
        "delete": request(Command.REGION_DEL, name="r0"),
        "revoke": request(Command.REGION_DEL, name="r0", revoke=True),
    }

    def run(text, **more):
        text = text.format(node="/dev/memphys/r0", **requests, **more)
        return [str(result) for result in own.run_raw(parse_program(text)).results]

    run.request = request
    return run


@pytest.fixture
def regions(own, control, subtests):
    """Return a subtest for each pair that the driver offers: region r0 is of it."""

    @contextmanager
    def trial(pair):
        with subtests.test(pair.name), made(own, control, pair):
            yield pair

    def trials(wanted=lambda pair: True):
        chosen = [pair for pair in pairs(control) if wanted(pair)]
        assert chosen
        return map(trial, chosen)

    return trials


@contextmanager
def made(own, control, pair, name="r0", size=SIZE):
    phys = pair.backing is Backing.PHYS
    control.region_new(
        name,
        pair.backing,
        pair.method.name,
        size,
        lifetime=pair.lifetime,
        base=own.target.window("arena").base if phys else None,
    )
    try:
        yield
    finally:
        if name in [region.name for region in control.regions()]:
            control.region_del(name, revoke=True)


def parameter(own, name):
    return int(read_text(own.machine, f"{PARAMETERS}/{name}"), 0)


def in_use(control):
    """What others hold of region r0."""
    counters = control.region("r0").counters
    return counters.opens, counters.vmas, counters.references or 0


# ---------------------------------------------------------------- region-del


def test_region_in_use_is_not_taken_away(run, regions):
    """Open, mapped, mapped in a child: each holds it, and nothing changes."""
    for trial in regions():
        with trial:
            assert run(
                """
                open f0 {node} rdwr
                {delete}
                mmap m0 f0 off=0x1000 len=0x2000 prot=rw flags=shared
                store m0 4 7
                {delete}
                close f0
                {delete}
                munmap m0+0x1000
                {delete}
                load m0 4
                fork p1
                munmap m0
                {delete}
                p1: {delete}
                p1: load m0 4
                open f0 {node} rdonly
                close f0
                wait p1
                {delete}
                open f0 {node} rdonly
                {delete}
                """
            ) == [
                *("ok", "EBUSY", "ok", "ok", "EBUSY", "ok", "EBUSY", "ok", "EBUSY"),
                *("ok 0x7", "ok", "ok", "EBUSY", "EBUSY", "ok 0x7", "ok", "ok"),
                *("ok", "ok", "ENOENT", "ENOENT"),
            ]


def test_revoked_region_is_gone_for_everybody_who_has_it(run, regions):
    """Shared, private before and after the copy, in a child, and the file."""
    for trial in regions():
        with trial:
            assert run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                mmap m1 f0 off=0 len=0x4000 prot=rw flags=private
                mmap m2 f0 off=0 len=0x4000 prot=rw flags=private
                store m0 8 1
                store m1+0x1000 8 2
                load m1+0x2000 8
                fork p1
                p1: store m1+0x3000 8 3
                {revoke}
                load m0 8
                store m0+0x3000 8 4
                load m1+0x1000 8
                load m1+0x2000 8
                store m1+0x2000 8 5
                store m2+0x1000 8 6
                p1: load m0 8
                p1: load m1+0x3000 8
                p1: load m2 8
                peek m0 len=4
                peek m2 len=4
                poke m0 data=00
                """
            ) == [
                *(["ok"] * 6 + ["ok 0x0", "ok", "ok", "ok"]),
                *("SIGBUS m0+0x0 ADRERR", "SIGBUS m0+0x3000 ADRERR"),
                *("SIGBUS m1+0x1000 ADRERR", "SIGBUS m1+0x2000 ADRERR"),
                *("SIGBUS m1+0x2000 ADRERR", "SIGBUS m2+0x1000 ADRERR"),
                *("SIGBUS m0+0x0 ADRERR", "SIGBUS m1+0x3000 ADRERR"),
                *("SIGBUS m2+0x0 ADRERR", "EIO", "EIO", "EIO"),
            ]


def test_file_of_a_revoked_region_is_good_for_nothing_but_close(run, regions):
    for trial in regions():
        with trial:
            assert run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                fork p1
                {revoke}
                pread f0 off=0 len=1
                pwrite f0 off=0 data=00
                mmap m1 f0 off=0 len=0x1000 prot=r flags=private
                p1: mmap m1 f0 off=0 len=0x1000 prot=rw flags=shared
                open f1 {node} rdonly
                {revoke}
                munmap m0+0x1000 len=0x1000
                load m0+0x2000 1
                mprotect m0 len=0x1000 prot=r
                wait p1
                munmap m0
                close f0
                """
            ) == [
                *("ok", "ok", "ok", "ok", "ENODEV", "ENODEV", "ENODEV", "ENODEV"),
                *(
                    "ENOENT",
                    "ENOENT",
                    "ok",
                    "SIGBUS m0+0x2000 ADRERR",
                    "ok",
                    "ok",
                    "ok",
                ),
                "ok",
            ]


def test_name_of_a_revoked_region_is_free_while_the_old_one_is_mapped(
    own, control, run, regions
):
    """And what is stored through the new one is not in the old one."""
    for trial in regions():
        with trial as pair:
            again = {
                "name": "r0",
                "backing": pair.backing.value,
                "method": pair.method.name,
                "size": SIZE,
                "lifetime": pair.lifetime.value,
            }
            if pair.backing is Backing.PHYS:
                again["base"] = own.target.window("arena").base
            new = run.request(Command.REGION_NEW, **again)
            results = run(
                """
                open f0 {node} rdwr
                mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared
                fill m0 seed=1
                {revoke}
                """
                + new
                + """
                open f1 {node} rdwr
                mmap m1 f1 off=0 len=0x4000 prot=rw flags=shared
                store m1 8 5
                load m0 8
                load m1 8
                pread f0 off=0 len=1
                {delete}
                """
            )
            assert results == [
                *(["ok"] * 8),
                *("SIGBUS m0+0x0 ADRERR", "ok 0x5", "ENODEV", "EBUSY"),
            ]


# ---------------------------------------------------------------- memory


def test_nothing_is_held_after_the_processes_are_gone(control, run, regions):
    """They exit with all they have: split, forked, copied, moved nowhere."""
    for trial in regions():
        with trial:
            assert in_use(control) == (0, 0, 0)
            results = run(
                """
                open f0 {node} rdwr
                open f1 {node} rdonly
                mmap m0 f0 off=0 len=0x8000 prot=rw flags=shared
                mmap m1 f0 off=0 len=0x8000 prot=rw flags=private
                fill m0 seed=1
                store m1+0x2000 8 1
                munmap m0+0x3000 len=0x1000
                mprotect m1+0x5000 len=0x1000 prot=r
                fork p1
                p1: fork p2
                p2: munmap m0 len=0x2000
                p1: close f0
                p2: store m1+0x4000 8 2
                wait p1
                p2: digest m1
                """
            )
            assert results[:-1] == ["ok"] * 14
            assert results[-1].startswith("ok 32768 ")
            assert in_use(control) == (0, 0, 0)


def owned(pair):
    return pair.lifetime is Lifetime.MAPPING


def test_memory_of_a_mapping_lives_as_long_as_a_part_of_it(control, run, regions):
    """Through close, split, fork, and exit in both orders.

    Memory that were freed too early would be found by the mappings that come
    between, and filled.
    """
    others = "".join(
        f"mmap m{n} f1 off=0 len=0x8000 prot=rw flags=shared\nfill m{n} seed={n}\n"
        for n in range(10, 18)
    )
    for trial in regions(owned):
        with trial:
            results = run(
                """
                open f0 {node} rdwr
                open f1 {node} rdwr
                mmap m0 f0 off=0 len=0x8000 prot=rw flags=shared
                fill m0 seed=3
                munmap m0+0x3000 len=0x1000
                digest m0+0x4000
                close f0
                fork p1
                p1: fork p2
                p1: munmap m0+0x4000
                wait p1
                """
                + others
                + "p2: digest m0+0x4000\nmunmap m0 len=0x3000\nmunmap m0+0x4000\n"
                + others
                + "p2: digest m0+0x4000\np2: store m0 4 9\np2: load m0 4\n"
            )
            digests = [result for result in results if result.startswith("ok 16384 ")]
            assert len(digests) == 3
            assert len(set(digests)) == 1
            assert results[-1] == "ok 0x9"
            assert {*results} == {"ok", "ok 0x9", *digests}
            assert in_use(control) == (0, 0, 0)


def test_each_mapping_has_memory_of_its_own_that_is_zeroed(run, regions):
    for trial in regions(owned):
        with trial:
            results = run(
                "open f0 {node} rdwr\n"
                + "mmap m0 f0 off=0 len=0x8000 prot=rw flags=shared\ndigest m0\n"
                "fill m0 seed=2\nmmap m1 f0 off=0 len=0x8000 prot=r flags=shared\n"
                "digest m1\nmunmap m0\nmunmap m1\n" * 4
            )
            assert len({result for result in results if result != "ok"}) == 1


def test_memory_is_counted_and_given_back(own, control, run):
    """As many mappings as max_bytes allows, once more, and after a revoke."""
    count = parameter(own, "max_bytes") // (4 * MIB)
    assert 4 < count < 60
    map_all = "".join(
        f"mmap m{n} f0 off=0 len=0x1000 prot=rw flags=shared\n"
        for n in range(count + 1)
    )
    for _ in range(2):
        control.region_new(
            "r0", Backing.VMALLOC, "fault", 4 * MIB, lifetime=Lifetime.MAPPING
        )
        for _ in range(2):
            results = run("open f0 {node} rdwr\n" + map_all)
            assert results == ["ok"] * (count + 1) + ["ENOMEM"]
        new = run.request(
            Command.REGION_NEW, name="r0", backing=3, method="fault", size=4 * MIB
        )
        results = run(
            f"open f0 {{node}} rdwr\n{map_all}close f0\n{{revoke}}\n"
            f"{new}\nmunmap m1\n{new}\n"
        )
        assert results[-4:] == ["ok", "ENOMEM", "ok", "ok"]
        control.region_del("r0")


def test_bytes_beyond_the_limit_are_refused(own, control):
    limit = parameter(own, "max_bytes")
    control.region_new("half", Backing.VMALLOC, "fault", limit // 2)
    control.region_new("other", Backing.VMALLOC, "fault", limit // 2)
    with pytest.raises(ControlError) as caught:
        control.region_new("more", Backing.PAGES, "fault", 0x1000)
    assert (caught.value.errno, caught.value.attribute) == ("ENOMEM", "size")
    control.region_del("half")
    control.region_new("more", Backing.PAGES, "fault", 0x1000)


def test_regions_beyond_the_limit_are_refused(own, control):
    limit = parameter(own, "max_regions")
    for number in range(limit):
        control.region_new(f"r{number}", Backing.PAGES, "fault", 0x1000)
    with pytest.raises(ControlError) as caught:
        control.region_new("more", Backing.PAGES, "fault", 0x1000)
    assert (caught.value.errno, caught.value.attribute) == ("ENOSPC", None)
    control.region_del("r7")
    control.region_new("more", Backing.PAGES, "fault", 0x1000)


# ---------------------------------------------------------------- many


def test_forty_regions_are_forty_memories(own, control, run):
    """All of them in use at once, by every method in turn."""
    allocated = [
        pair
        for pair in pairs(control)
        if pair.backing is not Backing.PHYS and not owned(pair)
    ]
    text = "".join(
        f"open f{number % 32} /dev/memphys/many-{number} rdwr\n"
        f"mmap m{number} f{number % 32} off=0x1000 len=0x1000 prot=rw flags=shared\n"
        f"store m{number}+8 4 {number + 0x100}\n"
        for number in range(40)
    ) + "".join(f"load m{number}+8 4\n" for number in range(40))
    for number in range(40):
        pair = allocated[number % len(allocated)]
        control.region_new(f"many-{number}", pair.backing, pair.method.name, 0x4000)
    assert run(text) == ["ok"] * 120 + [f"ok {n + 0x100:#x}" for n in range(40)]


def test_several_processes_make_use_and_delete_regions(control, run, regions):
    """Each has a region of its own, and all of them one that they share."""
    for trial in regions(lambda pair: pair.backing is not Backing.PHYS):
        with trial as pair:
            spec = {
                "backing": pair.backing.value,
                "method": pair.method.name,
                "size": SIZE,
                "lifetime": pair.lifetime.value,
            }
            steps = []
            for peer in range(1, 5):
                name = f"own-{peer}"
                new = run.request(Command.REGION_NEW, name=name, **spec)
                end = run.request(Command.REGION_DEL, name=name)
                steps.append(
                    [
                        (new, "ok"),
                        (f"open f1 /dev/memphys/{name} rdwr", "ok"),
                        (end, "EBUSY"),
                        ("mmap m1 f1 off=0 len=0x8000 prot=rw flags=shared", "ok"),
                        ("open f0 {node} rdwr", "ok"),
                        ("mmap m0 f0 off=0 len=0x8000 prot=rw flags=private", "ok"),
                        ("{delete}", "EBUSY"),
                        (f"store m1+{0x1000 * peer:#x} 4 {peer}", "ok"),
                        (f"store m0+{0x1000 * peer:#x} 4 {peer}", "ok"),
                        (new, "EEXIST"),
                        ("close f1", "ok"),
                        (f"load m1+{0x1000 * peer:#x} 4", f"ok {peer:#x}"),
                        (f"load m0+{0x1000 * peer:#x} 4", f"ok {peer:#x}"),
                        (end, "EBUSY"),
                        ("munmap m1", "ok"),
                        (end, "ok"),
                        ("close f0", "ok"),
                        ("munmap m0", "ok"),
                    ]
                )
            # One after the other, each a step behind the one before.
            order = sorted(
                (number + peer, peer) for peer in range(4) for number in range(18)
            )
            text = "".join(f"fork p{peer}\n" for peer in range(1, 5))
            expected = ["ok"] * 4
            for when, peer in [*order, *order]:
                step, result = steps[peer][when - peer]
                text += f"p{peer + 1}: {step}\n"
                expected.append(result)
            assert run(text) == expected
            assert in_use(control) == (0, 0, 0)
            assert not [r for r in control.regions() if r.name.startswith("own-")]


# ---------------------------------------------------------------- rmmod


@pytest.fixture
def loaded(own):
    """The driver, which is loaded again after a test that takes it away."""
    if not own.machine.host_files:
        pytest.skip("the driver stays loaded on a machine that is not thrown away")
    yield
    assert own.machine.insmod("memphys", "arena=4M") in ("ok", "EEXIST")


@pytest.mark.parametrize("window", ["remap", "fault"])
@pytest.mark.usefixtures("loaded")
def test_module_stays_while_a_window_is_in_use(own, window):
    """EWOULDBLOCK, which is EAGAIN; delete_module() in kernel/module/main.c."""
    text = f"""
        open f0 /dev/memphys/{window} rdwr
        rmmod memphys
        mmap m0 f0 off=arena len=0x1000 prot=rw flags=shared
        close f0
        rmmod memphys
        fork p1
        munmap m0
        rmmod memphys
        p1: load m0 8
        wait p1
        rmmod memphys
        open f0 /dev/memphys/{window} rdwr
        rmmod memphys
    """
    results = [str(r) for r in own.run_raw(parse_program(text)).results]
    assert results[:8] == [
        *("ok", "EAGAIN", "ok", "ok", "EAGAIN", "ok", "ok", "EAGAIN")
    ]
    assert results[9:] == ["ok", "ok", "ENOENT", "ENOENT"]


@pytest.mark.usefixtures("loaded")
def test_module_leaves_with_the_regions_that_nobody_uses(own, run, control):
    for pair in list(pairs(control))[:12]:
        name = f"left-{pair.name}"
        control.region_new(
            name,
            pair.backing,
            pair.method.name,
            SIZE,
            lifetime=pair.lifetime,
            base=0 if pair.backing is Backing.PHYS else None,
        )
    assert run(
        "open f0 {left} rdwr\nrmmod memphys\nclose f0\nrmmod memphys\n".replace(
            "{left}", f"/dev/memphys/{name}"
        )
    ) == ["ok", "EAGAIN", "ok", "ok"]
    control.close()
    assert own.machine.insmod("memphys", "arena=4M") == "ok"
    assert {region.name for region in control.regions()} == {"remap", "fault"}
