"""The lab: machines are replaced, content is restored, nothing is lost."""

from dataclasses import replace

import pytest

from mmapkit.agent import Mode
from mmapkit.errors import MachineError, MachineLost, TargetError
from mmapkit.grammar import parse_program
from mmapkit.journal import Journal
from mmapkit.model import Model
from mmapkit.program import Pwrite
from mmapkit.restore import restoring
from mmapkit.target import Window
from mmapkit.verdict import Errno, NotReached, Ok, Outcome, Verdict

from .labs import READ, WRITE, programs_of
from .test_model import TARGET


def test_death_that_a_program_is_not_to_blame_for_is_tried_elsewhere(make, fleet):
    gone = Outcome((), Verdict.PANIC, console=("excused",))
    lab = make({(READ, Mode.FRESH): gone})
    outcome = lab.run(READ)
    assert outcome == outcome.due
    assert len(fleet) == 2


def test_deaths_are_not_excused_for_ever(make, fleet):
    gone = Outcome((), Verdict.PANIC, 0, console=("excused",))
    script = {(READ, Mode.FRESH): gone}
    lab = make(script, script, script, script)
    assert lab.run(READ).verdict is Verdict.PANIC
    assert len(fleet) == 3


def test_new_machine_gets_names_and_content(make, fleet):
    lab = make()
    assert lab.run(READ) == lab.model.run(READ)
    (machine,) = fleet
    assert machine.names == TARGET.symbols()
    restored, program = programs_of(machine)
    assert program == READ
    assert sum(op.len for op in restored if isinstance(op, Pwrite)) == 4 << 20


def test_pages_that_a_program_wrote_to_are_restored_before_the_next(make, fleet):
    lab = make()
    lab.run(WRITE)
    lab.run(READ)
    restored = programs_of(fleet[0])[2]
    assert restored == restoring(TARGET, [0x6403000, 0x6404000])
    assert [op.len for op in restored if isinstance(op, Pwrite)] == [0x2000]
    lab.run(READ)
    assert programs_of(fleet[0])[4] == READ


def test_all_is_restored_after_an_outcome_that_was_not_expected(make, fleet):
    wrong = Outcome((Ok(), Errno("EIO")))
    lab = make({(READ, Mode.FRESH): wrong})
    lab.run(READ)
    lab.run(READ)
    restored = programs_of(fleet[0])[2]
    assert sum(op.len for op in restored if isinstance(op, Pwrite)) == 4 << 20


def test_machine_in_doubt_is_replaced_and_the_run_goes_on(make, fleet):
    hang = Outcome((Ok(), NotReached()), Verdict.HANG, 1)
    lab = make({(READ, Mode.FRESH): hang})
    assert lab.run(READ) == hang
    assert lab.run(READ) == lab.model.run(READ)
    assert [machine.closed for machine in fleet] == [True, False]


def test_operation_that_left_no_word_is_found_step_by_step(make, fleet):
    lost = Outcome((NotReached(), NotReached()), Verdict.LOST)
    located = Outcome((Ok(), NotReached()), Verdict.LOST, 1)
    lab = make({(READ, Mode.FRESH): lost}, {(READ, Mode.STEP): located})
    assert lab.run(READ) == located
    assert len(fleet) == 2


def test_operation_is_known_too_when_the_machine_outlives_it_the_second_time(make):
    lost = Outcome((NotReached(), NotReached()), Verdict.LOST)
    stuck = Outcome((Ok(), NotReached()), Verdict.UNKILLABLE, 1)
    lab = make({(READ, Mode.FRESH): lost}, {(READ, Mode.STEP): stuck})
    assert lab.run(READ) == replace(lost, stopped_at=1)


def test_loss_that_does_not_happen_again_is_still_told(make, fleet):
    lost = Outcome((NotReached(), NotReached()), Verdict.LOST)
    lab = make({(READ, Mode.FRESH): lost})
    assert lab.run(READ) == lost


def test_what_a_repeat_step_by_step_wrote_is_restored(make, fleet):
    lost = Outcome((NotReached(),) * 3, Verdict.LOST)
    lab = make({(WRITE, Mode.FRESH): lost})
    assert lab.run(WRITE) == lost
    lab.run(READ)
    _, again, restored, program = programs_of(fleet[1])
    assert (again, program) == (WRITE, READ)
    assert restored == restoring(TARGET, [0x6403000, 0x6404000])


def test_what_is_due_is_known_without_another_machine(make, fleet):
    hang = Outcome((Ok(), NotReached()), Verdict.HANG, 1)
    lab = make({(READ, Mode.FRESH): hang})
    outcome = lab.run(READ)
    assert outcome.due == lab.model.run(READ) == Model(TARGET).run(READ)
    assert lab.target is TARGET
    assert len(fleet) == 1


class Changing:
    """Memory that somebody else writes to."""

    data = bytes(4096)

    def read(self, offset, length):
        return self.data[offset : offset + length]


def test_what_is_due_follows_memory_that_changes(make, tmp_path):
    content = Changing()
    window = Window("bar", 1 << 30, 4096, content)
    target = replace(TARGET, windows=(*TARGET.windows, window))
    lab = make(target=target)
    program = parse_program("open f0 /dev/fault rdonly\npread f0 off=bar len=2\n")
    before = lab.run(program)
    content.data = b"\xff" * 4096
    after = lab.run(program)
    assert [str(outcome.due.results[1]) for outcome in (before, after)] == [
        "ok =0000",
        "ok =ffff",
    ]


PROGRAMS = (WRITE, READ, READ)


def test_programs_at_once_come_to_what_they_come_to_alone(make):
    lab = make()
    outcomes = lab.run_all(PROGRAMS)
    assert outcomes == [Model(TARGET).run(program) for program in PROGRAMS]
    assert all(outcome == outcome.due for outcome in outcomes)


def test_next_program_is_sent_before_the_last_has_answered(make, fleet):
    lab = make()
    _ = lab.machine
    (machine,) = fleet
    waiting = []
    run = machine.run
    machine.run = lambda *job: waiting.append(len(machine.under_way)) or run(*job)
    lab.run_all(PROGRAMS)
    # The content at first; the three, and what restores it after the first.
    assert waiting == [0, 3, 2, 1, 0]


def test_content_is_restored_between_programs_at_once(make, fleet):
    make().run_all(PROGRAMS)
    _, *ran = programs_of(fleet[0])
    assert ran == [WRITE, restoring(TARGET, [0x6403000, 0x6404000]), READ, READ]


def test_no_program_at_once_is_no_outcome(make):
    assert make().run_all([]) == []


def test_programs_behind_a_wrong_one_run_again_from_known_content(make, fleet):
    wrong = Outcome((Ok(), Errno("EIO")))
    lab = make({(READ, Mode.FRESH): wrong})
    assert lab.run_all([READ, WRITE])[0] == wrong
    _, *ran = programs_of(fleet[0])
    assert ran[:2] == [READ, WRITE]
    assert sum(op.len for op in ran[2] if isinstance(op, Pwrite)) == 4 << 20
    assert ran[3:] == [WRITE]


def test_wrong_program_at_once_is_told_apart_from_what_was_due(make):
    wrong = Outcome((Ok(), Errno("EIO")))
    (outcome,) = make({(READ, Mode.FRESH): wrong}).run_all([READ])
    assert outcome == wrong
    assert outcome.due == Model(TARGET).run(READ)


@pytest.mark.parametrize("verdict", [Verdict.HANG, Verdict.SPLAT])
def test_programs_behind_one_in_doubt_run_on_another_machine(make, fleet, verdict):
    doubtful = replace(Model(TARGET).run(READ), verdict=verdict, stopped_at=1)
    lab = make({(READ, Mode.FRESH): doubtful})
    outcomes = lab.run_all([READ, WRITE])
    assert outcomes == [doubtful, Model(TARGET).run(WRITE)]
    assert programs_of(fleet[0])[1:] == [READ]
    assert programs_of(fleet[1])[1:] == [WRITE]


def test_death_among_programs_at_once_is_located(make, fleet):
    lost = Outcome((NotReached(),) * 2, Verdict.LOST)
    located = Outcome((Ok(), NotReached()), Verdict.LOST, 1)
    lab = make({(READ, Mode.FRESH): lost}, {(READ, Mode.STEP): located})
    assert lab.run_all([WRITE, READ, WRITE])[1] == located
    assert len(fleet) == 3


def test_death_among_programs_at_once_is_excused_as_well(make, fleet):
    gone = Outcome((), Verdict.PANIC, console=("excused",))
    lab = make({(READ, Mode.FRESH): gone})
    outcomes = lab.run_all([WRITE, READ])
    assert all(outcome == outcome.due for outcome in outcomes)
    assert len(fleet) == 2


def test_splat_that_shows_while_content_is_restored_among_programs_is_an_error(make):
    lab = make()
    _ = lab.machine
    restoration = restoring(TARGET, [0x6403000, 0x6404000])
    lab.machine.say[restoration, Mode.KEEP] = Outcome((), Verdict.SPLAT)
    with pytest.raises(MachineError, match="splat while content was restored"):
        lab.run_all(PROGRAMS)


def test_raw_program_is_journalled_counted_and_followed_by_a_restore(
    make, fleet, tmp_path
):
    lab = make()
    program = parse_program("open f0 /etc/passwd rdonly\n")
    answer = Outcome((Ok(),))
    _ = lab.machine
    fleet[0].say[program, Mode.FRESH] = answer
    assert lab.run_raw(program) == answer
    assert lab.programs == 1
    assert "open f0 /etc/passwd" in (tmp_path / "journal").read_text()
    assert programs_of(fleet[0]) == [program]
    lab.run(READ)
    restored = programs_of(fleet[0])[1]
    assert sum(op.len for op in restored if isinstance(op, Pwrite)) == 4 << 20


def test_raw_program_that_ends_badly_is_no_result(make):
    hang = Outcome((Ok(), NotReached()), Verdict.HANG, 1, (("state", "D"),))
    lab = make({(READ, Mode.FRESH): hang})
    with pytest.raises(MachineError, match=r"hang in program 1 of .*journal: D"):
        lab.run_raw(READ)


def test_programs_of_all_labs_have_numbers_of_their_own(make, tmp_path):
    journal = Journal(tmp_path / "journal")
    for lab in (make(journal=journal), make(journal=journal)):
        lab.run(READ)
        lab.run(READ)
    lines = (tmp_path / "journal").read_text().splitlines()
    found = [line for line in lines if line.startswith("# program")]
    assert found == [
        "# program 1, fake 1",
        "# program 2, fake 1",
        "# program 3, fake 2",
        "# program 4, fake 2",
    ]


def test_journal_tells_of_each_machine_and_can_be_run_again(make, tmp_path):
    hang = Outcome((Ok(), NotReached()), Verdict.HANG, 1)
    lab = make({(READ, Mode.FRESH): hang})
    lab.run(READ)
    lab.run(READ)
    text = (tmp_path / "journal").read_text()
    lines = text.splitlines()
    assert lines[:3] == ["# fake 1", "# let arena 0x6400000", "# let rom 0xf0000"]
    assert lines.count("# let arena 0x6400000") == 2
    assert len(parse_program(text)) == 2 * len(READ)


def test_machine_whose_target_cannot_be_read_is_not_used(make, fleet):
    def read(machine):
        if machine.number == 1:
            raise TargetError("no such device")
        return TARGET

    lab = make(read=read)
    with pytest.raises(TargetError):
        lab.run(READ)
    assert fleet[0].closed
    assert lab.run(READ) == Model(TARGET).run(READ)


def test_program_is_in_the_journal_before_it_is_sent(make, fleet, tmp_path):
    lab = make()
    _ = lab.machine

    def die(program, mode):
        assert (tmp_path / "journal").read_text().count("store m0+0xffe") == 1
        raise MachineLost("now")

    lab.run(READ)
    fleet[0].run = die
    with pytest.raises(MachineLost):
        lab.run(WRITE)


def test_quick_runs_share_processes_but_for_some(make, fleet):
    lab = make()
    modes = set()
    for off in range(64):
        text = f"open f0 /dev/fault rdonly\npread f0 off=arena+{off} len=8\n"
        lab.run(parse_program(text), quick=True)
        modes.add(fleet[0].ran[-1][1])
    assert modes == {Mode.KEEP, Mode.LAST}


def test_content_that_cannot_be_restored_is_an_error(make, fleet):
    lab = make()
    _ = lab.machine
    broken = Outcome((), Verdict.HANG, 0)
    fleet[0].run = lambda program, mode: broken
    with pytest.raises(MachineError, match="hang while content was restored"):
        lab.run(READ)
