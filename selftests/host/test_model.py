"""Laws that the model keeps, whatever the program."""

from dataclasses import replace

import pytest
from hypothesis import given

from mmapkit.content import pattern
from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.program import Digest, Fill, Mmap, Order, Program, Pwrite, Sharing
from mmapkit.strategies import large, programs, refused
from mmapkit.target import Fixed, Node, Patterned, Target, Traits, Window
from mmapkit.verdict import Digested, Errno, Ok, Signal, Void

NODES = (Node("/dev/remap", "remap", tracked=True), Node("/dev/fault", "fault"))
PATHS = tuple(node.path for node in NODES)
WINDOWS = (
    Window("arena", 0x6400000, 4 << 20, Patterned(), writable=True),
    Window("rom", 0xF0000, 0x1000, Fixed(bytes(range(256)) * 16)),
)
TARGET = Target(NODES, WINDOWS, 1 << 40)
OLD = replace(TARGET, traits=Traits(tracked_forks=False))


def results(text, target=TARGET):
    return [str(result) for result in Model(target).run(parse_program(text)).results]


def hex_of(data):
    return f"ok {int.from_bytes(data, 'little'):#x}"


@given(programs(PATHS))
def test_future_does_not_change_the_past(program):
    whole = Model(TARGET).run(program).results
    for length in range(len(program)):
        beginning = Program(program.operations[:length])
        assert Model(TARGET).run(beginning).results == whole[:length]


@given(programs(PATHS))
def test_same_program_has_the_same_outcome(program):
    assert Model(TARGET).expect(program) == Model(TARGET).expect(program)


@given(programs(PATHS))
def test_methods_differ_only_where_a_capability_says_so(program):
    one, other = (program.retarget(lambda path, to=path: to) for path in PATHS)
    assert Model(TARGET).run(one) == Model(TARGET).run(other)
    differences = [
        (a, b)
        for a, b in zip(
            Model(OLD).run(one).results, Model(OLD).run(other).results, strict=True
        )
        if a != b
    ]
    if differences:
        assert differences[0] == (Errno("ENOMEM"), Ok())


@given(programs(PATHS))
def test_private_mappings_and_reads_leave_memory_alone(program):
    shared = [
        op
        for op in program
        if (isinstance(op, Mmap) and op.flags is Sharing.SHARED)
        or isinstance(op, Pwrite)
    ]
    if not shared:
        assert Model(TARGET).expect(program).dirty == frozenset()


@given(programs(PATHS))
def test_order_and_width_of_a_digest_that_succeeds_do_not_matter(program):
    plain = Program(
        tuple(
            replace(op, order=Order.BACKWARD) if isinstance(op, Digest) else op
            for op in program
        )
    )
    told = Model(TARGET).run(program).results
    for one, other in zip(told, Model(TARGET).run(plain).results, strict=True):
        if isinstance(one, Digested):
            assert one == other


@given(programs(PATHS) | refused(PATHS) | large(PATHS))
def test_model_knows_every_generated_program(program):
    outcome = Model(TARGET).run(program)
    assert len(outcome.results) == len(program)
    assert outcome.stopped_at is None


def test_signal_names_the_first_byte_that_is_refused():
    told = results(
        "open f0 /dev/fault rdwr\nmmap m0 f0 off=arena len=0x3000 prot=rw flags=shared"
        "\nmunmap m0+0x1000 len=0x1000\nload m0+0xffe 4\nload m0+0x1ffe 4\nload m0-2 4"
    )
    assert told[3:] == [
        "SIGSEGV m0+0x1000 MAPERR",
        "SIGSEGV m0+0x1ffe MAPERR",
        "SIGSEGV m0-0x2 MAPERR",
    ]


def test_fill_that_is_cut_short_has_filled_what_comes_before():
    text = (
        "open f0 /dev/fault rdwr\nmmap m0 f0 off=arena len=0x2000 prot=rw flags=shared"
        "\nmprotect m0+0x1000 prot=r\n{}\npread f0 off=arena len=0x100"
    )
    whole = results(text.format("fill m0 seed=5"))
    assert whole[3] == "SIGSEGV m0+0x1000 ACCERR"
    assert whole[4] == f"ok ={pattern(256, 5, 0).hex()}"
    backward = results(text.format("fill m0 seed=5 order=backward"))
    assert backward[3] == "SIGSEGV m0+0x1000 ACCERR"
    assert backward[4] == f"ok ={pattern(256, 0, 0).hex()}"


PRIVATE = (
    "open f0 /dev/{} rdwr\nmmap m0 f0 off=arena len=0x3000 prot=rw flags=private\n"
)
CROSSING = ["store m0+0xffe 4 1", "fill m0+0xffe len=8 width=4"]


@pytest.mark.parametrize("crossing", CROSSING)
@pytest.mark.parametrize("refusal", ["mprotect m0+0x1000 prot=r", "munmap m0+0x1000"])
def test_store_that_crosses_has_copied_the_page_before_the_refusal(refusal, crossing):
    program = PRIVATE.format("fault") + f"{refusal}\n{crossing}\n"
    program += "pwrite f0 off=arena data=deadbeef\nload m0 4\n"
    told = results(program)
    assert told[3].startswith("SIGSEGV m0+0x1000 ")
    assert told[5] == hex_of(pattern(4, 0, 0))
    without = results(program.replace(crossing, "load m0 1"))
    assert without[5] == "ok 0xefbeadde"


@pytest.mark.parametrize("crossing", CROSSING)
def test_store_that_crosses_and_is_refused_at_once_has_copied_nothing(crossing):
    program = PRIVATE.format("fault") + f"mprotect m0 len=0x1000 prot=r\n{crossing}\n"
    program += "pwrite f0 off=arena+0x1000 data=deadbeef\nload m0+0x1000 4\n"
    told = results(program)
    assert told[3] == "SIGSEGV m0+0xffe ACCERR"
    assert told[5] == "ok 0xefbeadde"


@pytest.mark.parametrize("node", ["remap", "fault"])
@pytest.mark.parametrize("crossing", CROSSING)
def test_refused_store_that_crosses_counts_for_a_fork_before_6_16(node, crossing):
    program = PRIVATE.format(node) + f"munmap m0+0x1000 len=0x1000\n{crossing}\nfork p1"
    assert results(program, OLD)[4] == ("ENOMEM" if node == "remap" else "ok")


def test_refused_store_to_shared_memory_leaves_it_alone():
    program = PRIVATE.format("fault").replace("private", "shared")
    program += "munmap m0+0x1000\n" + "\n".join(CROSSING)
    assert Model(TARGET).expect(parse_program(program)).dirty == frozenset()


def test_shared_memory_is_one_and_private_memory_is_not():
    text = (
        "open f0 /dev/remap rdwr\nmmap m0 f0 off=arena len=0x1000 prot=rw flags={}\n"
        "mmap m1 f0 off=arena len=0x1000 prot=r flags=shared\nstore m0 1 0x55\n"
        "load m1 1"
    )
    assert results(text.format("shared"))[4] == "ok 0x55"
    assert results(text.format("private"))[4] != "ok 0x55"


FORK = (
    "open f0 /dev/{} rdonly\nmmap m0 f0 off=arena len=0x3000 prot=rw flags=private\n"
    "{}\nfork p1"
)


@pytest.mark.parametrize("node", ["remap", "fault"])
@pytest.mark.parametrize(
    ("before", "starts"),
    [
        ("store m0 1 1", True),
        ("load m0 1", False),
        ("store m0+0x1000 1 1", False),
        ("munmap m0 len=0x1000\nstore m0+0x1000 1 1", True),
        ("mprotect m0+0x1000 prot=r\nmprotect m0 prot=rw\nstore m0+0x1000 1 1", True),
        ("mprotect m0+0x1000 prot=rw\nstore m0+0x1000 1 1", False),
        ("store m0 1 1\nmunmap m0 len=0x1000", False),
    ],
)
def test_fork_before_6_16_fails_when_a_tracked_vma_begins_with_a_copy(
    node, before, starts
):
    text = FORK.format(node, before)
    assert results(text, TARGET)[-1] == "ok"
    expected = "ENOMEM" if starts and node == "remap" else "ok"
    assert results(text, OLD)[-1] == expected


def test_exec_alone_cannot_be_read_where_keys_prevent_it():
    text = (
        "open f0 /dev/remap rdonly\nmmap m0 f0 off=arena len=1 prot=x flags=shared\n"
        "load m0 1"
    )
    assert results(text)[2].startswith("ok")
    keys = replace(TARGET, traits=Traits(exec_reads=False))
    assert results(text, keys)[2] == "SIGSEGV m0+0x0 PKUERR"


def test_noexec_refuses_exec_and_takes_the_right_to_it():
    text = (
        "open f0 /dev/remap rdonly\nmmap m0 f0 off=arena len=1 prot=x flags=shared\n"
        "mmap m1 f0 off=arena len=1 prot=r flags=shared\nmprotect m1 prot=rx"
    )
    noexec = replace(TARGET, traits=Traits(noexec=True))
    assert results(text, noexec)[1:] == ["EPERM", "ok", "EACCES"]


def test_large_private_promise_is_refused_before_the_range_is():
    text = (
        "open f0 /dev/remap rdonly\nmmap m0 f0 off=end len=0x100000000 prot=rw flags={}"
    )
    small = replace(TARGET, traits=Traits(commit=1 << 30))
    assert results(text.format("private"), small)[1] == "ENOMEM"
    assert results(text.format("private"))[1] == "EINVAL"
    assert results(text.format("private").replace("rw", "r"), small)[1] == "EINVAL"


def test_processes_that_are_not_there_do_nothing():
    told = results(
        "p1: open f0 /dev/remap rdonly\nwait p1\nfork p1\nfork p1\nwait p1\n"
        "wait p1\np1: close f0"
    )
    assert told == ["void", "void", "ok", "void", "ok", "void", "void"]


@pytest.mark.parametrize(
    "text",
    [
        "open f0 /etc/passwd rdonly",
        "open f0 /dev/remap rdonly\npread f0 off=0 len=8",
        "open f0 /dev/remap rdonly\n"
        "mmap m0 f0 off=0 len=8 prot=r flags=shared\nload m0 1",
        "open f0 /dev/remap rdwr\npwrite f0 off=rom data=00",
        "open f0 /dev/remap rdwr\npread f0 off=nowhere len=1",
        "open f0 /dev/remap rdwr\nmmap m0 f0 off=arena len=1 prot=r flags=shared\n"
        "load m0+0x40000000 1",
    ],
)
def test_what_nobody_can_know_is_refused(text):
    with pytest.raises(ModelError):
        results(text)


def test_fills_and_digests_without_an_end_are_refused():
    huge = replace(TARGET, windows=(Window("arena", 0, 1 << 39, Patterned(), True),))
    told = results(
        "open f0 /dev/fault rdwr\n"
        "mmap m0 f0 off=0 len=0x80000000 prot=rw flags=shared\n"
        "fill m0\ndigest m0\ndigest m0 len=0x1000",
        huge,
    )
    assert told[2:4] == ["E2BIG", "E2BIG"]
    assert told[4].startswith("ok 4096")


def test_kinds_of_results_are_what_they_say():
    outcome = Model(TARGET).run(parse_program("load m0 1\nclose f0\nfork p1"))
    assert outcome.results == (Void(), Errno("EBADF"), Ok())
    assert not any(isinstance(result, Signal) for result in outcome.results)
    assert Fill(0).width == 8


def test_kernel_reads_what_the_mapping_shows_whatever_the_protection():
    assert results(
        "open f0 /dev/remap rdwr\n"
        "mmap m0 f0 off=arena len=0x3000 prot=rw flags=private\n"
        "store m0+0xffe 2 0x5544\nmprotect m0 prot=none\npeek m0+0xffe len=2\n"
        "mmap m1 f0 off=arena len=0x3000 prot=rw flags=shared\npeek m1+0xffe len=4\n"
    )[4:] == ["ok =4455", "ok", f"ok ={pattern(4, 0, 0xFFE).hex()}"]


def test_kernel_stops_where_nothing_is_mapped():
    assert results(
        "open f0 /dev/fault rdwr\n"
        "mmap m0 f0 off=arena len=0x3000 prot=rw flags=shared\n"
        "munmap m0+0x1000 len=0x1000\npeek m0+0xff8 len=16\npeek m0+0x1000 len=1\n"
        "poke m0+0xffe data=01020304\npeek m0+0xffe len=4\npeek m0-1 len=4\n"
    )[3:] == [
        f"ok ={pattern(8, 0, 0xFF8).hex()}",
        *("EIO", "ok 0x2", "ok =0102", "EIO"),
    ]


def test_kernel_writes_to_shared_memory_that_is_writable():
    assert results(
        "open f0 /dev/remap rdwr\n"
        "mmap m0 f0 off=arena len=0x2000 prot=rw flags=shared\n"
        "mprotect m0+0x1000 prot=r\npoke m0 data=c0ffee\npoke m0+0x1000 data=00\n"
        "pread f0 off=arena len=3\nclose f0\nload m0 2\n"
    )[3:] == ["ok 0x3", "EIO", "ok =c0ffee", "ok", "ok 0xffc0"]


PART = 0x6400000
PARTS = replace(
    TARGET,
    nodes=(
        *NODES,
        Node("/dev/region", "insert", start=PART, size=0x4000),
        Node("/dev/owning", "fault", size=0x4000, owns=True),
    ),
)


def test_node_of_a_part_shows_it_from_its_start():
    opened = "open f0 /dev/remap rdwr\nopen f1 /dev/region rdwr\n"
    *_, one, other = results(
        f"{opened}pwrite f1 off=0x1008 data=c0ffee\n"
        "pread f0 off=arena+0x1008 len=3\npread f1 off=0x1008 len=3\n",
        PARTS,
    )
    assert one == other == "ok =c0ffee"


def test_node_of_a_part_ends_with_it():
    assert results(
        "open f0 /dev/region rdwr\n"
        "mmap m0 f0 off=0x3000 len=0x1000 prot=r flags=shared\n"
        "mmap m1 f0 off=0x3000 len=0x2000 prot=r flags=shared\n"
        "pread f0 off=0x3fff len=2\n",
        PARTS,
    ) == ["ok", "ok", "EINVAL", "EINVAL"]


def test_mapping_that_owns_its_memory_shares_it_with_nobody_but_children():
    found = results(
        "open f0 /dev/owning rdwr\n"
        "mmap m0 f0 off=0 len=0x1000 prot=rw flags=shared\n"
        "mmap m1 f0 off=0 len=0x1000 prot=rw flags=shared\n"
        "load m0 4\nfork p1\np1: store m0 4 7\nload m0 4\nload m1 4\n"
        "pread f0 off=0 len=1\n",
        PARTS,
    )
    assert found[3:] == ["ok 0x0", "ok", "ok", "ok 0x7", "ok 0x0", "ENXIO"]


def test_memory_of_a_mapping_needs_no_restoring():
    expectation = Model(PARTS).expect(
        parse_program(
            "open f0 /dev/owning rdwr\n"
            "mmap m0 f0 off=0 len=0x1000 prot=rw flags=shared\nstore m0 4 7\n"
        )
    )
    assert expectation.dirty == frozenset()
