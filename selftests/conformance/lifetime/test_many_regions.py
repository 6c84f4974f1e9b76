"""Many regions, and several tasks that make, use and delete them."""

from itertools import zip_longest

import pytest

from mmapkit.control import Backing, Command, Lifetime
from mmapkit.files import read_text


def one_of_each(pairs):
    """Return a pair of each method, with another backing or lifetime each time."""
    found = {}
    for pair in pairs:
        if pair.backing is not Backing.PHYS:
            found.setdefault(pair.method.name, []).append(pair)
    return [some[turn % len(some)] for turn, some in enumerate(found.values())]


def test_forty_regions_are_forty_memories(control, pairs, run):
    """All of them in use at once, by every method in turn: mmap(2).

    Guards: C1, E3.
    """
    allocated = [
        pair
        for pair in pairs(control)
        if pair.backing is not Backing.PHYS and pair.lifetime is Lifetime.REGION
    ]
    if not allocated:
        pytest.skip("nothing in question has a region")
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


def test_several_processes_make_use_and_delete_regions(
    control, pairs, run, trials, in_use
):
    """Each has a region of its own, and all of them one that they share.

    What is in use is not taken away: driver.rst, EBUSY.
    Guards: C1, C4, C6.
    """
    for trial in trials(one_of_each(pairs(control)).__contains__):
        with trial as pair:
            steps = []
            for peer in range(1, 5):
                name = f"own-{peer}"
                new = run.make(name, pair)
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
            assert in_use() == (0, 0, 0)
            assert not [r for r in control.regions() if r.name.startswith("own-")]


# Four tasks in two processes make and delete regions of every pair at once.
MAKERS = (0, 1, 2, 3)
EACH = 10


def life(run, task, number, pair):
    """Return the life of one region in the hands of a task, and what comes of it."""
    name = f"own-{task}-{number}"
    end = run.request(Command.REGION_DEL, name=name)
    at, value = 8 * task, 16 * task + number + 1
    return [
        (run.make(name, pair), "ok"),
        (f"open f{task} /dev/memphys/{name} rdwr", "ok"),
        (f"mmap m{task} f{task} off=0 len=0x4000 prot=rw flags=shared", "ok"),
        (f"store m{task}+{at} 4 {value}", "ok"),
        (f"load m{task}+{at} 4", f"ok {value:#x}"),
        (end, "EBUSY"),
        (f"close f{task}", "ok"),
        (f"munmap m{task}", "ok"),
        (end, "ok"),
    ]


# Another process uses region r0, which one more revokes and makes again.
USE = {
    "mmap m8 f8 off=0 len=0x4000 prot=rw flags=shared": {"ok", "EBADF", "ENODEV"},
    "store m8 4 1": {"ok", "SIGBUS m8+0x0 ADRERR", "void"},
    "munmap m8": {"ok", "void"},
}
# ENODEV: it was found by its name, and then was gone.
OPEN = {"open f8 {node} rdwr": {"ok", "ENOENT", "ENODEV"}}
CLOSE = {"close f8": {"ok", "EBADF"}}


@pytest.fixture
def at_once(machine, control, run, in_use):
    """Run steps of tasks at once; what is left is what was there before."""

    def held():
        return read_text(machine, "/sys/module/memphys/refcnt").strip()

    def there():
        return {r.name: (r.method, r.size) for r in control.regions()}, held()

    def at_once(first, lanes):
        before = there()
        steps = [s for turn in zip_longest(*lanes) for s in turn if s is not None]
        lines = "".join(f"p{task}: {line}\n" for task, line, _ in steps)
        results = run(f"{first}together\n{lines}end\n")
        wrong = [
            (task, line.partition("=")[0], result)
            for (task, line, due), result in zip(
                steps, results[first.count("\n") :], strict=True
            )
            if result not in due
        ]
        assert wrong == []
        assert there() == before
        assert in_use() == (0, 0, 0)

    return at_once


def lane(task, *parts, times):
    """Return the steps of parts for a task, again and again."""
    return [(task, *step) for part in parts for step in part.items()] * times


def revoking(run, task, pair):
    again = {"{revoke}": {"ok"}, run.make("r0", pair): {"ok"}}
    return lane(task, again, times=12)


def test_tasks_make_use_and_delete_forty_regions_at_once(
    control, pairs, run, trials, at_once
):
    """In real parallel; nobody opens r0 meanwhile.

    The number of a node that is gone is soon another's, and who has looked the
    node up by then opens that one. No driver can tell.
    Guards: C1, C2, C4, F2.
    """
    every = list(pairs(control))
    first = "thread p1\nfork p2\np2: thread p3\nfork p4\nfork p5\n"
    for trial in trials(one_of_each(every).__contains__):
        with trial as pair:
            lanes = []
            for task in MAKERS:
                chosen = (every * 2)[task * EACH : (task + 1) * EACH]
                lives = (life(run, task, n, p) for n, p in enumerate(chosen))
                steps = [step for steps in lives for step in steps]
                lanes.append([(task, text, {due}) for text, due in steps])
            lanes += [lane(4, USE, times=24), revoking(run, 5, pair)]
            at_once(first + "p4: open f8 {node} rdwr\n", lanes)


def test_region_is_used_while_it_is_revoked_and_made_again(run, trials, at_once):
    """Whoever comes too late is told so, and holds nothing: driver.rst, ENODEV.

    Guards: C1, C2, C10.
    """
    for trial in trials(lambda pair: pair.backing is Backing.PAGES):
        with trial as pair:
            using = lane(0, OPEN, USE, CLOSE, times=14)
            at_once("fork p1\n", [using, revoking(run, 1, pair)])
