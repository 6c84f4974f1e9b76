"""What a run comes to, by what the agent and the console tell of it."""

from dataclasses import replace

import pytest

from mmapkit.agent import Mode, Told
from mmapkit.errors import MachineLost
from mmapkit.machine import outcome_of, outcome_of_loss
from mmapkit.verdict import NotReached, Ok, Outcome, Verdict

from .labs import READ
from .test_console import LOGS

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
