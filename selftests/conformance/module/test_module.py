"""The module: its parameters, when it may leave, and that it leaves as it came."""

import pytest

from mmapkit.files import read_text
from mmapkit.grammar import parse_program
from mmapkit.targets.regions import make

PARAMETERS = "/sys/module/memphys/parameters"


def parameter(own, name):
    return int(read_text(own.machine, f"{PARAMETERS}/{name}"), 0)


def test_nodes_come_and_go_with_the_module(answers, load):
    """The windows are there from load on, and gone with the module: driver.rst.

    Guards: none, the module is asked.
    """
    opens = "open f0 /dev/memphys/remap rdwr\nopen f1 /dev/memphys/fault rdwr\n"
    assert answers(opens) == ["ENOENT", "ENOENT"]
    assert load("") == "ok"
    assert answers(opens) == ["ok", "ok"]


def test_module_without_an_arena_has_none(own, load):
    """arena=: nothing is allocated that was not asked for.

    Guards: none, the module is asked.
    """
    assert load("") == "ok"
    assert parameter(own, "arena") == 0
    assert parameter(own, "arena_phys") == 0


@pytest.mark.parametrize(
    ("text", "size"),
    [("64K", 64 << 10), ("1M", 1 << 20), ("5000", 8192), ("0x2000", 8192)],
)
def test_arena_is_as_large_as_asked_for_in_whole_pages(own, load, text, size):
    """arena=SIZE, with K and M: memparse().

    Guards: none, the module is asked.
    """
    assert load(f"arena={text}") == "ok"
    assert parameter(own, "arena") == size
    assert parameter(own, "arena_phys") % 4096 == 0


def test_arena_is_zeroed(answers, own, load):
    """Memory is zeroed before anybody sees it: driver.rst.

    Guards: E1.
    """
    assert load("arena=1M") == "ok"
    own.machine.let("arena", parameter(own, "arena_phys"))
    results = answers(
        "open f0 /dev/memphys/fault rdwr\n"
        "mmap m0 f0 off=arena len=0x100000 prot=r flags=shared\ndigest m0\n"
        "open f1 /dev/zero rdonly\npread f1 off=0 len=0x100000\n"
    )
    assert results[2] == results[4]


@pytest.mark.parametrize("text", ["lots", "12lots", "-1"])
def test_arena_that_is_no_size_is_refused(load, text):
    """EINVAL of finit_module(2), for what memparse() leaves over.

    Guards: none, the module is asked.
    """
    assert load(f"arena={text}") == "EINVAL"


def test_arena_that_cannot_be_had_is_refused(load):
    """ENOMEM of finit_module(2), and no module that has half of it.

    Guards: none, the module is asked.
    """
    assert load("arena=1G") == "ENOMEM"


@pytest.mark.parametrize("name", ["arena", "arena_phys"])
def test_parameters_are_read_only(answers, own, name):
    """Neither changes under those who use it: module_param(), 0400 and 0444.

    Guards: none, the module is asked.
    """
    before = parameter(own, name)
    results = answers(f"open f0 {PARAMETERS}/{name} wronly\npwrite f0 off=0 data=31\n")
    assert results[1] in ("EIO", "EBADF")
    assert parameter(own, name) == before


def test_parameter_that_cannot_be_set_is_refused_at_load(load):
    """What the module tells, nobody tells the module: EPERM.

    Guards: none, the module is asked.
    """
    assert load("arena_phys=0x1000") == "EPERM"


def test_faulty_methods_are_not_loaded_without_a_yes(answers, own):
    """disposable=1: whoever loads them may lose the machine, detection.rst.

    Guards: none, the module is asked.
    """
    assert own.machine.insmod("memphys_faulty") == "EPERM"
    assert answers("open f0 /dev/memphys/oops rdonly\n") == ["ENOENT"]


# ---------------------------------------------------------------- unload


@pytest.fixture
def loaded(own):
    """The driver, which is loaded again after a test that takes it away."""
    yield
    own.reload()


@pytest.mark.parametrize("window", ["remap", "fault"])
@pytest.mark.usefixtures("loaded")
def test_module_stays_while_a_window_is_in_use(own, window):
    """EWOULDBLOCK, which is EAGAIN; delete_module() in kernel/module/main.c.

    A file and a VMA hold the module of file_operations.owner.
    Guards: C12.
    """
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
    outcome = own.run(parse_program(text))
    assert outcome == outcome.due
    results = [str(result) for result in outcome.results]
    assert results[:8] == [
        *("ok", "EAGAIN", "ok", "ok", "EAGAIN", "ok", "ok", "EAGAIN")
    ]
    assert results[9:] == ["ok", "ok", "ENOENT", "ENOENT"]


@pytest.mark.usefixtures("loaded")
def test_module_leaves_with_the_regions_that_nobody_uses(answers, own, control, pairs):
    """A region holds nothing of its driver while nobody has it open or mapped.

    Guards: C12.
    """
    for pair in list(pairs(control))[:12]:
        node, _ = make(control, own.target, pair, f"left-{pair.name}", 0x8000)
    text = f"open f0 {node.path} rdwr\nrmmod memphys\nclose f0\nrmmod memphys\n"
    assert answers(text) == ["ok", "EAGAIN", "ok", "ok"]
    control.close()
    own.reload()
    assert {region.name for region in control.regions()} == {"remap", "fault"}
