"""The lab makes anew what a program has taken away, and loads what was unloaded."""

from dataclasses import replace

import pytest

from mmapkit.agent import Mode
from mmapkit.grammar import parse_program
from mmapkit.program import Change, Pwrite, Ready
from mmapkit.restore import restoring
from mmapkit.target import Node, Patterned, Window
from mmapkit.text import format_program
from mmapkit.verdict import Errno, Ok, Outcome

from .labs import READ, programs_of
from .test_model import TARGET


def test_restoring_writes_each_window_through_its_own_node():
    region = Window("r", 1 << 60, 0x2000, Patterned(), True, "/dev/region")
    target = replace(TARGET, windows=(*TARGET.windows, region))
    assert format_program(restoring(target, [0x6403000, (1 << 60) + 0x1000])) == (
        f"open f0 {TARGET.nodes[0].path} rdwr\n"
        "pwrite f0 off=arena+0x3000 len=0x1000\n"
        "open f0 /dev/region rdwr\n"
        "pwrite f0 off=0x1000 len=0x1000\n"
    )


REGION = "/dev/region"
LATER = Window("r", 1 << 50, 0x2000, Patterned(), True, REGION)


def with_region(renewed):
    """A target with a region that moves when it is made anew."""

    def renew(target, paths):
        renewed.append(paths)
        return replace(target, windows=(*TARGET.windows, LATER))

    window = replace(LATER, base=1 << 51)
    node = Node(REGION, "fault", start=1 << 51, size=0x2000, removable=True)
    requests = tuple((Ready(change, REGION), b"x") for change in Change)
    return replace(
        TARGET,
        nodes=(*TARGET.nodes, node),
        windows=(*TARGET.windows, window),
        module="driver",
        requests=requests,
        renew=renew,
    )


REVOKE = parse_program(f"request revoke {REGION}\n")
REFUSED = parse_program(f"open f0 {REGION} rdwr\nrequest delete {REGION}\n")


def test_region_that_a_program_took_away_is_made_anew_and_filled(make, fleet):
    renewed = []
    lab = make(target=with_region(renewed))
    lab.run(REVOKE)
    assert renewed == []
    lab.run(READ)
    assert renewed == [{REGION}]
    _, _, restored, program = programs_of(fleet[0])
    assert (restored, program) == (
        restoring(lab.target, [1 << 50, (1 << 50) + 4096]),
        READ,
    )
    lab.run(READ)
    assert renewed == [{REGION}]


def test_nothing_follows_a_revoke_before_the_region_is_there_again(make, fleet):
    renewed = []
    lab = make(target=with_region(renewed))
    outcomes = lab.run_all([READ, REVOKE, READ, READ])
    assert outcomes == [
        lab.model.run(program) for program in (READ, REVOKE, READ, READ)
    ]
    assert renewed == [{REGION}]
    assert programs_of(fleet[0])[2:4] == [
        REVOKE,
        restoring(lab.target, [1 << 50, (1 << 50) + 4096]),
    ]


def test_region_that_was_not_taken_away_stays(make, fleet):
    renewed = []
    lab = make(target=with_region(renewed))
    lab.run(REFUSED)
    lab.run(READ)
    assert renewed == []


def test_region_is_made_anew_when_nobody_knows_what_became_of_it(make, fleet):
    renewed = []
    wrong = Outcome((Ok(), Ok()))
    lab = make({(REFUSED, Mode.FRESH): wrong}, target=with_region(renewed))
    lab.run(REFUSED)
    lab.run(READ)
    assert renewed == [{REGION}]


def test_what_was_covered_is_counted_of_programs_that_came_out_right(make, fleet):
    program = parse_program("mmap m0 - len=1 prot=rw flags=private\nload m0 1\n")
    right, wrong = make(), make({(program, Mode.FRESH): Outcome((Ok(), Ok()))})
    for lab in (right, wrong):
        lab.run(program)
    assert right.tally.covered["shape", "private memory", "whole"] == 1
    assert wrong.tally.covered == {}
    right.run_all([program, program])
    assert right.tally.covered["shape", "private memory", "whole"] == 3


def test_machine_is_told_the_messages_of_requests(make, fleet, tmp_path):
    lab = make(target=with_region([]))
    outcome = lab.run(REVOKE)
    assert fleet[0].names[Ready(Change.MAKE, REGION)] == b"x"
    assert [note for note in outcome.notes if REGION in note] == [
        f"let revoke {REGION} =78"
    ]
    assert f"# let make {REGION} =78" in (tmp_path / "journal").read_text()


@pytest.mark.parametrize("answer", [None, Outcome((Errno("EAGAIN"),))])
def test_driver_is_loaded_anew_after_it_was_unloaded(make, fleet, answer):
    """Or may have been."""
    unload = parse_program("rmmod driver\n")
    script = {(unload, Mode.FRESH): answer} if answer else {}
    lab = make(script, target=with_region([]))
    lab.run(unload)
    lab.run(READ)
    (machine,) = fleet
    assert machine.loads == ["prepare", "rmmod driver", "prepare"]
    assert [mode for program, mode in machine.ran if program == READ] == [Mode.FRESH]
    assert sum(op.len for op in machine.ran[2][0] if isinstance(op, Pwrite)) > 4 << 20
