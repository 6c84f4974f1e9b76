"""Many regions, and several processes that make, use and delete them."""

from mmapkit.control import Backing, Command, Lifetime
from mmapkit.targets.regions import pairs


def test_forty_regions_are_forty_memories(control, run):
    """All of them in use at once, by every method in turn."""
    allocated = [
        pair
        for pair in pairs(control)
        if pair.backing is not Backing.PHYS and pair.lifetime is Lifetime.REGION
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


def test_several_processes_make_use_and_delete_regions(control, run, trials, in_use):
    """Each has a region of its own, and all of them one that they share."""
    for trial in trials(lambda pair: pair.backing is not Backing.PHYS):
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
