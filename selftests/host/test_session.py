"""The protocol in trouble: answers that break off, lie, or come with a splat.

The far end of each stream is a script, written before anybody asks.
"""

import socket
from threading import Timer

import pytest

from mmapkit import agent as protocol
from mmapkit.agent import Agent, Mode
from mmapkit.errors import MachineError, MachineLost, ProgramRefused
from mmapkit.grammar import parse_program
from mmapkit.machine import Machines
from mmapkit.machine.local import LocalMachine
from mmapkit.machine.session import Session
from mmapkit.program import Close, Program
from mmapkit.stream import Stream
from mmapkit.verdict import Errno, Verdict

HELLO = "hello 2 release=6.1 machine=x86_64 page=4096 cpus=2 fault_ns=1 scale=1"
ONE = Program((Close(0),))
WARNING = "log 4 WARNING: CPU: 0 PID: 9 at x.c:1 x_init+0x1/0x2 [x]"


@pytest.fixture
def ends():
    """The near end and the far end of a stream."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far


@pytest.fixture
def agent(ends):
    """Return what makes an agent that answers with these lines."""

    def make(*lines):
        near, far = ends
        far.sendall("".join(f"{line}\n" for line in (HELLO, *lines)).encode())
        return Agent(Stream(near), patience=1.0)

    return make


def done(number, taint=0, *lines):
    """Return the answer to a run of nothing."""
    return (*lines, f"verdict ok 0 killable {taint}", f"done {number}")


def test_agent_that_has_greeted_is_asked_to_do_so_again(ends):
    near, far = ends
    far.sendall(f"{HELLO}\n".encode())
    assert Agent(Stream(near), patience=1.0, ask=True).hello.release == "6.1"
    assert far.recv(100) == b"hello\n"


@pytest.mark.parametrize(
    "line",
    ["", "hello", "hello 1 release=6.1", "hello 2 release", "hello 2 release=6.1"],
)
def test_greeting_of_something_else_is_refused(ends, line):
    near, far = ends
    far.sendall(f"{line}\n".encode())
    with pytest.raises(MachineError, match="not "):
        Agent(Stream(near), patience=1.0)


def test_refused_program_leaves_the_next_in_step(agent):
    told = agent("error 1 7 no such file", "done 1", *done(2))
    with pytest.raises(ProgramRefused, match="refused run 1: 1 7 no such file"):
        told.run(1, ONE, Mode.FRESH)
    assert told.run(2, ONE, Mode.FRESH).verdict is Verdict.OK


@pytest.mark.parametrize(
    "line",
    [
        "result 1 ok",
        "result -2 ok",
        "result x ok",
        "result 0 perhaps",
        "verdict fine 0 killable 0",
        "verdict ok 0",
        "verdict hang x killable 0",
        "done 2",
        "done 1",
        "surprise",
    ],
)
def test_line_that_does_not_belong_is_an_error_and_the_last(agent, line):
    told = agent(line)
    with pytest.raises(MachineError, match="not of run 1: ") as caught:
        told.run(1, ONE, Mode.FRESH)
    assert not isinstance(caught.value, MachineLost)
    assert not told.in_step


def test_nothing_is_asked_after_an_answer_that_broke_off(agent, monkeypatch):
    """As pytest-timeout does it: an exception out of nowhere."""
    told = agent("result 0 ok", *done(1))
    with monkeypatch.context() as patch:
        patch.setattr(Stream, "read_line", lambda *_: pytest.fail("Timeout"))
        with pytest.raises(pytest.fail.Exception):
            told.run(1, ONE, Mode.FRESH)
    with pytest.raises(MachineError, match="not read to its end"):
        told.run(2, ONE, Mode.FRESH)
    with pytest.raises(MachineError, match="not read to its end"):
        told.insmod("/x.ko")


def test_answer_is_heard_of_an_agent_that_does_not_listen_any_more(agent, ends):
    _, far = ends
    told = agent(*done(1))
    told.send(1, ONE, Mode.FRESH)
    far.recv(1 << 16)
    far.close()
    with pytest.raises(MachineLost, match="does not listen"):
        told.send(2, ONE, Mode.FRESH)
    assert told.receive().verdict is Verdict.OK
    assert not told.in_step


def test_command_that_takes_long_has_a_patience_of_its_own(agent, ends, monkeypatch):
    monkeypatch.setattr(protocol, "SILENCE", 0.1)
    told = agent()
    answer = Timer(0.4, ends[1].sendall, [b"ok\n"])
    answer.start()
    assert told.insmod("/x.ko") == "ok"
    answer.join()


def test_command_without_an_answer_is_named(agent, monkeypatch):
    monkeypatch.setattr(protocol, "COMMAND", 0.1)
    told = agent()
    with pytest.raises(MachineLost, match="insmod /x a=1: the agent is silent"):
        told.insmod("/x", "a=1")
    assert not told.in_step


def test_module_may_be_out_of_tree_unsigned_and_a_test(agent):
    new = 1 << 12 | 1 << 13 | 1 << 18
    session = Session(agent(*done(0), "ok", *done(0, new), *done(1, new)))
    assert session.insmod("/x.ko") == "ok"
    assert session.usable
    assert session.run(Program(()), Mode.FRESH).verdict is Verdict.OK


def test_session_keeps_what_the_kernel_said_of_the_last_module(agent):
    said = ("log 6 KTAP version 1", "log 6     ok 1 x")
    session = Session(agent(*done(0), "ok", *done(0, 0, *said), "ok", *done(0)))
    assert session.said == ()
    session.insmod("/x.ko")
    assert session.said == ("KTAP version 1", "    ok 1 x")
    session.rmmod("x")
    assert session.said == ()


def test_kernel_that_complains_of_a_word_is_an_error(agent):
    session = Session(agent(*done(0), "ok", *done(0, 0, WARNING)))
    with pytest.raises(MachineError, match="put /sys/x scan: WARNING"):
        session.put("/sys/x", "scan")
    assert not session.usable


def test_old_taint_is_not_held_against_anybody(agent):
    old = 1 << 9 | 1
    session = Session(agent(*done(0, old), "ok", *done(0, old), *done(1, old)))
    assert session.insmod("/x.ko") == "ok"
    assert session.run(Program(()), Mode.FRESH).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (done(0, 0, WARNING), "WARNING: CPU: 0"),
        (done(0, 1 << 9), "taint W: warning"),
        (done(0, 1 << 12 | 1), "taint bit 0"),
        (("verdict hang 0 killable 0", "done 0"), "hang of an empty program"),
    ],
    ids=["warning", "warning in the taint only", "other taint", "hang"],
)
@pytest.mark.parametrize("act", ["insmod", "rmmod"])
def test_splat_of_loading_or_unloading_is_told_and_the_end(agent, act, answer, reason):
    session = Session(agent(*done(0), "ok", *answer))
    with pytest.raises(MachineError, match=f"{act} x: .*{reason}"):
        getattr(session, act)("x")
    assert not session.usable


def test_machine_whose_kernel_complained_is_not_used_again(agent):
    session = Session(agent(*done(0), *done(1, 0, WARNING)))
    assert session.run(Program(()), Mode.FRESH).verdict is Verdict.SPLAT
    assert not session.usable


def test_program_that_the_real_agent_refuses_does_no_harm(machine):
    with pytest.raises(ProgramRefused, match="refused run 1: 1 14"):
        machine.run(parse_program("pread f0 off=nowhere+4 len=1\n"))
    assert machine.usable
    assert machine.run(ONE).results == (Errno("EBADF"),)


def test_machine_is_done_for_when_a_run_is_interrupted(machine, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Stream, "read_line", lambda *_: pytest.fail("Timeout"))
        with pytest.raises(pytest.fail.Exception):
            machine.run(ONE)
    assert not machine.usable


@pytest.fixture
def loaded(agent_file, tmp_path):
    """A machine that has a module to unload."""
    machine = LocalMachine(agent_file, tmp_path, 0)
    machine._loaded.append("memphys")
    return machine


def test_agent_that_dies_in_a_run_is_lost_and_nothing_else(loaded):
    loaded._process.kill()
    assert loaded.run(ONE).verdict is Verdict.LOST
    assert not loaded.usable


def test_agent_that_died_unseen_is_no_trouble_at_the_end(loaded):
    loaded._process.kill()
    loaded._process.wait()
    loaded.close()
    assert not loaded.usable


def test_splat_of_the_last_unloading_is_told_and_the_agent_ended(loaded, monkeypatch):
    def complain(session, name):
        raise MachineError(f"rmmod {name}: WARNING: bad")

    monkeypatch.setattr(Session, "rmmod", complain)
    with pytest.raises(MachineError, match="rmmod memphys: WARNING"):
        loaded.close()
    assert loaded._process.poll() is not None


def test_machine_that_cannot_be_prepared_is_closed_whatever_the_reason():
    class Unprepared:
        closed = False

        def prepare(self):
            pytest.fail("Timeout")

        def close(self):
            self.closed = True

    machine = Unprepared()
    with pytest.raises(pytest.fail.Exception):
        Machines(lambda number: machine, lambda line: None).current()
    assert machine.closed
