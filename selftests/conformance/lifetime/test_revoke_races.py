"""A revoke while others are in the midst of something with the region."""

from mmapkit.control import Backing, Command, Lifetime, MethodFlag

#: so much that it takes longer to allocate than to revoke
LARGE = 16 << 20


def test_mapping_that_is_under_way_does_not_outlive_the_revoke(control, run):
    """It is refused, or empty; and what it had allocated is free again.

    The revoke comes when the mapping has begun: a refusal is one at its end.
    Guards: C2, C7, C10.
    """
    revoke = run.request(Command.REGION_DEL, name="large", revoke=True)
    seen = set()
    # How long to wait depends on the machine.
    for turn in range(100):
        pause = "p1: lseek f0 cur 0\n" * (10 * (turn % 20))
        control.region_new(
            *("large", Backing.VMALLOC, "fault", LARGE), lifetime=Lifetime.MAPPING
        )
        mapped, *_, revoked, loaded = run(
            "open f0 /dev/memphys/large rdwr\nfork p1\ntogether\n"
            "p0: mmap m0 f0 off=0 len=0x1000 prot=rw flags=shared\n"
            f"{pause}p1: {revoke}\nend\nload m0 8\n"
        )[2:]
        seen.add(mapped)
        assert revoked == "ok"
        assert (mapped, loaded) in {
            ("ok", "SIGBUS m0+0x0 ADRERR"),
            ("ENODEV", "void"),
        }
        if turn >= 19 and "ENODEV" in seen:
            break
    assert "ENODEV" in seen


def test_debugger_reads_all_or_nothing_of_what_is_revoked(run, trials):
    """The bytes while they are there, an error from then on.

    Guards: C1, C10, E6.
    """
    peeks = 8
    lines = "p0: peek m0+0xff8 len=16\n" * peeks

    def wanted(pair):
        return (
            pair.lifetime is Lifetime.REGION
            and MethodFlag.PAGE not in pair.method.flags
        )

    for trial in trials(wanted):
        with trial as pair:
            for _ in range(4):
                results = run(
                    "open f0 {node} rdwr\n"
                    "mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared\n"
                    "fill m0 seed=5\npeek m0+0xff8 len=16\nfork p1\n"
                    f"together\n{lines}p1: {{revoke}}\nend\n" + run.make("r0", pair)
                )
                due = results[3]
                assert due.startswith("ok =")
                *looks, revoked, made = results[5:]
                assert (revoked, made) == ("ok", "ok")
                found = looks.index("EIO") if "EIO" in looks else peeks
                assert looks == [due] * found + ["EIO"] * (peeks - found)
