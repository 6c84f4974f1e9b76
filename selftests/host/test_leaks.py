"""kmemleak: what it tells becomes findings; what is not told is an error."""

import pytest

from mmapkit import leaks
from mmapkit.errors import MachineError, MachineLost, MmapkitError
from mmapkit.machine import Machines
from mmapkit.verdict import Data, Finding, Ok, Outcome, Verdict

TOLD = """\
unreferenced object 0xffff88800c1e5c00 (size 192):
  comm "mp.17.3", pid 77, jiffies 4294713921
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00  ................
    ff ff ff ff ff ff ff ff 00 00 00 00 00 00 00 00  ................
  backtrace (crc 2c1e7c4e):
    kmemleak_alloc+0x4b/0x80
    __kmalloc_cache_noprof+0x2d9/0x3f0
    memphys_open+0x3a/0x90 [memphys]
    chrdev_open+0x11f/0x300
unreferenced object 0xffff88800c1e5d00 (size 8):
  comm "kworker/0:1", pid 9, jiffies 4294713999
  backtrace (crc 0):
    [<00000000a1b2c3d4>] kstrdup+0x3a/0x90
"""


def test_each_object_is_a_finding_that_names_who_asked_for_it():
    first, second = leaks.parse(TOLD)
    assert first.kind == "leak"
    assert first.title == (
        "unreferenced object 0xffff88800c1e5c00 (size 192), "
        "memphys_open+0x3a/0x90 [memphys]"
    )
    assert (first.run, first.operation) == (17, 3)
    assert first.lines[-1].strip() == "chrdev_open+0x11f/0x300"
    assert (second.run, second.operation) == (None, None)
    assert second.title.endswith("kstrdup+0x3a/0x90")


def test_object_without_a_backtrace_is_a_finding():
    (finding,) = leaks.parse("unreferenced object 0xffff8880 (size 16):\n")
    assert finding.title.endswith("from nowhere known")


def test_nothing_told_is_nothing_found():
    assert leaks.parse("") == ()


class Leaky:
    """A machine whose kmemleak scans in two seconds of a clock of its own."""

    usable = True
    title = "leaky"

    def __init__(self, told="", answer="ok", complaint=None):
        self.told = told
        self.answer = answer
        self.complaint = complaint
        self.now = 0.0
        self.scans = []
        self.closed = False

    def prepare(self):
        pass

    def put(self, path, text):
        assert (path, text) == ("/sys/kernel/debug/kmemleak", "scan")
        self.scans.append(self.now)
        self.now += 2
        if self.complaint and len(self.scans) == 2:
            raise self.complaint
        return self.answer

    def run(self, program, mode=None):
        opened, *reads = program
        uptime = f"{100 + self.now:.2f} 7.00\n"
        text = (uptime if opened.path == "/proc/uptime" else self.told).encode()
        data = [Data(text[r.off.delta : r.off.delta + r.len]) for r in reads]
        return Outcome((Ok(), *data), Verdict.OK, None, (), (), ())

    def close(self):
        self.closed = True


def test_last_scan_is_one_that_nothing_is_too_young_for():
    machine = Leaky()
    assert leaks.check(machine) == ()
    assert len(machine.scans) >= 2
    assert machine.scans[-1] >= leaks.YOUNG


SAID = MachineError("put: kmemleak: 2 new suspected memory leaks")


def test_leaks_are_found_though_the_log_tells_of_them_too():
    machine = Leaky(TOLD, complaint=SAID)
    assert [finding.run for finding in leaks.check(machine)] == [17, None]
    assert machine.scans[-1] >= leaks.YOUNG


def test_what_the_last_scan_takes_back_is_no_leak():
    assert leaks.check(Leaky(complaint=SAID)) == ()


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (Leaky(answer="EPERM"), "does not scan: EPERM"),
        (Leaky(complaint=MachineLost("the agent is silent")), "silent"),
        (Leaky(complaint=MachineError("put: BUG: unable to handle")), "BUG"),
        (Leaky(TOLD, complaint=MachineLost("gone")), "gone"),
    ],
    ids=["refused", "silent", "oops", "lost with leaks"],
)
def test_scan_that_fails_is_an_error_and_not_a_clean_machine(machine, reason):
    with pytest.raises(MmapkitError, match=reason):
        leaks.check(machine)


# ---------------------------------------------------------- end of a machine


def supply(machine, farewell):
    machines = Machines(lambda number: machine, lambda line: None, farewell)
    machines.current()
    return machines


def test_machine_is_asked_before_it_ends():
    machine = Leaky()
    found = Finding("leak", "x")
    machines = supply(machine, lambda it: () if it.closed else (found,))
    machines.close()
    machines.close()
    assert machines.found == [found]
    assert machine.closed


def test_machine_in_doubt_is_not_asked():
    machine = Leaky()
    machines = supply(machine, pytest.fail)
    machine.usable = False
    machines.close()
    assert machine.closed
    assert machines.found == []


def test_machine_that_is_lost_over_it_is_a_finding():
    def lose(machine):
        raise MachineLost("the agent is gone")

    machine = Leaky()
    machines = supply(machine, lose)
    machines.close()
    assert machine.closed
    assert machines.found == [Finding("farewell", "the agent is gone")]
