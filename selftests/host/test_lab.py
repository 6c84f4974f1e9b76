"""The lab: machines are replaced, content is restored, nothing is lost."""

from collections import deque
from dataclasses import replace

import pytest

from mmapkit.agent import Mode, Told
from mmapkit.errors import MachineError, MachineLost, TargetError
from mmapkit.grammar import parse_program
from mmapkit.journal import Journal
from mmapkit.lab import Lab
from mmapkit.machine import Machines, outcome_of, outcome_of_loss
from mmapkit.model import Model
from mmapkit.program import Change, Pwrite, Ready
from mmapkit.restore import restoring
from mmapkit.target import Node, Patterned, Window
from mmapkit.text import format_program
from mmapkit.verdict import Errno, NotReached, Ok, Outcome, Verdict

from .test_console import LOGS
from .test_model import TARGET

WRITE = parse_program(
    "open f0 /dev/fault rdwr\nmmap m0 f0 off=arena+0x3000 len=0x2000 prot=rw "
    "flags=shared\nstore m0+0xffe 4 1\n"
)
READ = parse_program("open f0 /dev/fault rdonly\npread f0 off=arena len=8\n")


class FakeMachine:
    """A machine that does what the model says, or what it is told to."""

    host_files = {}

    def __init__(self, number, say=None, target=TARGET):
        self.number = number
        self.title = f"fake {number}"
        self.usable = True
        self.ran = []
        self.names = {}
        self.loads = []
        self.say = say or {}
        self.target = target
        self.closed = False
        self.under_way = deque()

    def prepare(self):
        self.loads.append("prepare")

    def rmmod(self, name):
        self.loads.append(f"rmmod {name}")
        return "ok"

    def let(self, name, value):
        self.names[name] = value

    def let_request(self, request, message):
        self.names[request] = message

    def run(self, program, mode=Mode.FRESH):
        self.ran.append((program, mode))
        outcome = self.say.get((program, mode)) or Model(self.target).run(program)
        self.usable = outcome.verdict is Verdict.OK
        return outcome

    def send(self, program, mode=Mode.FRESH):
        self.under_way.append((program, mode))

    def receive(self):
        assert self.usable
        return self.run(*self.under_way.popleft())

    def excuse(self, outcome):
        return "a fault of its own" if outcome.console == ("excused",) else ""

    def close(self):
        self.closed = True


@pytest.fixture
def fleet():
    return []


@pytest.fixture
def make(fleet, tmp_path):
    """Make a lab on fake machines; scripts: what the first of them answer."""

    def lab(*scripts, target=TARGET, journal=None, read=None):
        def start(number):
            say = scripts[number - 1] if number <= len(scripts) else None
            # Labs that share a list of machines number them in it.
            fleet.append(FakeMachine(len(fleet) + 1, say, target))
            return fleet[-1]

        machines = Machines(start, lambda line: None)
        read = read or (lambda machine: target)
        return Lab(machines, read, journal or tmp_path / "journal")

    return lab


def programs_of(machine):
    return [program for program, _ in machine.ran]


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


TOLD = Told((Ok(),), Verdict.OK, None, True, 0, (), ())


def test_clean_run_is_ok():
    assert outcome_of(TOLD, 0, 7) == Outcome((Ok(),))


def test_warning_in_the_log_is_a_splat_at_its_operation():
    log = ("WARNING: CPU: 1 PID: 9 at x.c:1", "CPU: 1 PID: 9 Comm: mp.7.0")
    outcome = outcome_of(replace(TOLD, log=log), 0, 7)
    assert (outcome.verdict, outcome.stopped_at) == (Verdict.SPLAT, 0)


@pytest.mark.parametrize("comm", ["mp.6.0", "mp.0.0", "kworker/0:1"])
def test_warning_of_something_else_is_a_splat_at_no_operation(comm):
    log = ("WARNING: CPU: 1 PID: 9 at x.c:1", f"CPU: 1 PID: 9 Comm: {comm}")
    outcome = outcome_of(replace(TOLD, log=log), 0, 7)
    assert (outcome.verdict, outcome.stopped_at) == (Verdict.SPLAT, None)


def test_warning_of_this_run_is_found_behind_one_of_another():
    log = ("WARNING: a", "Comm: mp.6.0", "---[ end trace", "WARNING: b", "Comm: mp.7.1")
    assert outcome_of(replace(TOLD, log=log), 0, 7).stopped_at == 1


def test_taint_without_a_word_is_a_splat():
    outcome = outcome_of(replace(TOLD, taint=1 << 9 | 1 << 12), 1 << 12, 7)
    assert outcome.verdict is Verdict.SPLAT
    assert "W: warning" in outcome.findings[0].title


def test_log_outranks_a_killed_process():
    told = replace(TOLD, verdict=Verdict.KILLED, stopped_at=0)
    assert outcome_of(told, 0, 7).verdict is Verdict.KILLED
    oops = ("BUG: unable to handle page fault", "Comm: mp.7.0")
    assert outcome_of(replace(told, log=oops), 0, 7).verdict is Verdict.SPLAT


def test_what_cannot_be_killed_outranks_what_it_did():
    told = replace(TOLD, verdict=Verdict.HANG, stopped_at=0, killable=False)
    assert outcome_of(told, 0, 7).verdict is Verdict.UNKILLABLE


def loss(console=(), results=None, mode=Mode.FRESH, silent=False):
    err = MachineLost("the agent is gone", silent=silent)
    err.results = results or {}
    return outcome_of_loss(READ, mode, 7, err, console)


def test_end_without_a_word_is_lost():
    assert loss().verdict is Verdict.LOST
    assert loss().stopped_at is None


def test_end_with_an_oops_is_a_panic_at_its_operation():
    outcome = loss(("BUG: kernel NULL pointer dereference", "Comm: mp.7.1"))
    assert (outcome.verdict, outcome.stopped_at) == (Verdict.PANIC, 1)


def test_oops_of_another_run_is_not_of_this_one():
    outcome = loss(("BUG: kernel NULL pointer dereference", "Comm: mp.6.1"))
    assert (outcome.verdict, outcome.stopped_at) == (Verdict.PANIC, None)


NMI = (LOGS / "panic-by-nmi.txt").read_text().splitlines()


def test_silent_machine_that_panics_of_our_nmi_is_lost_with_a_backtrace():
    outcome = loss(NMI, silent=True)
    assert (outcome.verdict, outcome.findings) == (Verdict.LOST, ())
    assert any(key == "nmi" and "do_idle" in text for key, text in outcome.evidence)


def test_machine_that_panics_of_an_nmi_by_itself_is_a_panic():
    assert loss(NMI).verdict is Verdict.PANIC


def test_silent_machine_that_had_an_oops_before_our_nmi_is_a_panic():
    oops = ("BUG: kernel NULL pointer dereference", "Comm: mp.7.1", "---[ end trace")
    outcome = loss((*oops, *NMI), silent=True)
    assert (outcome.verdict, outcome.stopped_at) == (Verdict.PANIC, 1)
    assert [finding.kind for finding in outcome.findings] == ["oops"]


def test_step_by_step_the_first_operation_without_a_result_is_the_one():
    outcome = loss(results={0: "ok"}, mode=Mode.STEP)
    assert outcome.results == (Ok(), NotReached())
    assert outcome.stopped_at == 1


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
