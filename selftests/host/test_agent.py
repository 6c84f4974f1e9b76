"""The agent as a process of this machine: its parser, its operations, its watch."""

import os
import re
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mmapkit.agent import Mode
from mmapkit.errors import MachineError, ProgramError
from mmapkit.grammar import parse_program
from mmapkit.machine.local import spawn
from mmapkit.program import Change, Close, Program, Ready, Request
from mmapkit.text import format_program
from mmapkit.verdict import Errno, NotReached, Ok, Verdict

from .test_grammar import LONGEST, MALFORMED, MALFORMED_BLOCKS, PROGRAMS


@pytest.fixture(scope="module")
def raw(agent_file):
    """Return what sends text as a program, and gives (line, column) or None."""
    process, agent = spawn(agent_file)
    stream = agent._stream

    def send(text):
        deadline = agent._deadline()
        # Every name that a test may use has a value.
        stream.write(f"run 1\n{text}\ngo\n".encode(), deadline)
        place = None
        while (line := stream.read_line(deadline)) != "done 1":
            if line.startswith("error"):
                _, number, column, _ = line.split(" ", 3)
                place = int(number), int(column)
        return place

    yield send
    agent.close()
    process.wait()


@pytest.mark.parametrize(("text", "column"), MALFORMED, ids=[m[0] for m in MALFORMED])
def test_agent_refuses_a_malformed_line_with_its_place(raw, text, column):
    assert raw(f"close f0\n{text}") == (2, column)
    assert raw("close f0") is None


@pytest.mark.parametrize("what", MALFORMED_BLOCKS)
def test_agent_refuses_a_malformed_block_with_its_place(raw, what):
    text, *place = MALFORMED_BLOCKS[what]
    assert raw(text) == tuple(place)


def test_agent_refuses_a_program_that_is_too_long(raw):
    assert raw(LONGEST) is None
    assert raw(f"{LONGEST}close f0") == (LONGEST.count("\n") + 1, 1)


def test_agent_refuses_an_unknown_name(raw):
    assert raw("pread f0 off=nowhere+4 len=1") == (1, 14)


def test_agent_refuses_a_request_that_it_was_not_told(raw):
    assert raw("request make /dev/nothing") == (1, 14)


@given(program=PROGRAMS, data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_parsers_refuse_the_same_lines(raw, program, data):
    """Break the text of a program in one place, and compare the places."""
    text = re.sub("off=[a-z]\\w*", "off=1", format_program(program))
    text = re.sub("request [a-z].*", "request =00", text)
    at = data.draw(st.integers(0, len(text)))
    extra = data.draw(
        st.sampled_from(
            (" ", "#", "=", "0", "f", "m1", ":", "-", "=>", "end\n", "together\n")
        )
    )
    # The last line makes sure that nothing of it is carried out.
    text = f"{text[:at]}{extra}{text[at:]}\nlod m0"
    # What has become a name, the agent has no value for.
    assume(not re.search("off=[a-z]", text))
    with pytest.raises(ProgramError) as caught:
        parse_program(text)
    assert raw(text) == (caught.value.line, caught.value.column)


PROGRAM = """
open f0 {path} rdwr
mmap m0 f0 off=0 len=0x3000 prot=rw flags=shared
fill m0 seed=7
digest m0 width=1 order=shuffled
digest m0 width=8 order=backward
load m0+0x10 4
store m0+0x10 4 0xdeadbeef
fork p1
p1: load m0+0x10 2
p1: load m0+0x3000 8
p1: load m0+0x2ffc 8
p1: mprotect m0+0x1000 len=0x1000 prot=none
p1: digest m0
p1: fill m0 len=0x2000 order=backward
p1: mprotect m0+0x2000 len=0x3000 prot=r
p1: store m0+0x2000 1 1
wait p1
p1: load m0 1
pread f0 off=0x10 len=8
pread f0 off=0 len=0x3000
pread f0 off=3 len=0x101
pwrite f0 off=0x2001 len=0x1001 seed=3
pwrite f0 off=0x2001 data=0102030405
digest m0+1 len=0x2ffe width=2
load m9 4
munmap m0+0x1000 len=1
digest m0
load m0+0xfff 1
munmap m0
load m0 4
mprotect m0 prot=r
close f0
close f0
pread f0 off=0 len=1
"""


def test_agent_and_model_agree_on_a_file(machine, model, target):
    program = parse_program(PROGRAM.format(path=target.nodes[0].path))
    assert machine.run(program) == model.run(program)


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_gives_the_same_results(machine, model, target, mode):
    path = target.nodes[0].path
    first = parse_program(
        f"open f3 {path} rdwr\nmmap m5 f3 off=0 len=4096 prot=r flags=private\n"
    )
    program = parse_program(
        f"close f3\nload m5 1\nopen f0 {path} rdonly\n"
        "mmap m0 f0 off=0 len=0x2000 prot=rw flags=private\nfill m0\nload m0 8\n"
    )
    machine.run(first, mode)
    assert machine.run(program, mode) == model.run(program)
    assert machine.run(program, Mode.KEEP) == model.run(program)


def test_worker_that_stays_has_the_name_of_the_end(machine):
    """What the kernel says while it cleans up is not of the last operation."""
    program = parse_program("close f0\nclose f1\n")
    machine.run(program)
    machine.run(program, Mode.KEEP)
    pid = machine._process.pid
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert Path(f"/proc/{worker}/comm").read_text() == "mp.2.2\n"


def test_private_store_stays_out_of_the_file(machine, model, target):
    path = target.nodes[0].path
    program = parse_program(
        f"open f0 {path} rdonly\nmmap m0 f0 off=0 len=0x2000 prot=rw flags=private\n"
        "fill m0 seed=1\nfork p1\np1: store m0 8 5\nload m0 8\nwait p1\ndigest m0\n"
    )
    assert machine.run(program) == model.run(program)


def test_call_that_blocks_for_ever_is_a_hang(machine, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    program = parse_program(f"close f0\nopen f0 {fifo} rdonly\nclose f0\n")
    outcome = machine.run(program)
    assert outcome.verdict is Verdict.HANG
    assert outcome.stopped_at == 1
    assert outcome.results == (Errno("EBADF"), NotReached(), NotReached())
    assert dict(outcome.evidence)["state"] == "S"


def test_agent_goes_on_after_a_hang(machine, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    machine.run(parse_program(f"open f0 {fifo} rdonly\n"))
    assert machine.run(Program((Close(0),))).results == (Errno("EBADF"),)


def test_other_process_that_blocks_is_a_hang_too(machine, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    program = parse_program(f"fork p1\np1: open f0 {fifo} rdonly\nwait p1\n")
    outcome = machine.run(program)
    assert outcome.verdict is Verdict.HANG
    assert outcome.stopped_at == 1


def test_unknown_command_is_refused(agent_file):
    process, agent = spawn(agent_file)
    assert agent._command("dance").startswith("error 0 0 unknown command")
    agent.close()
    assert process.wait(timeout=10) == 0


def test_name_that_is_none_is_refused(agent_file):
    process, agent = spawn(agent_file)
    with pytest.raises(MachineError, match="EINVAL"):
        agent.let("Upper", 1)
    agent.close()
    assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("path", "message"), [("", b"0"), ("a b", b"0"), ("/x", b""), ("/x", bytes(257))]
)
def test_request_that_is_none_is_refused(agent_file, path, message):
    process, agent = spawn(agent_file)
    with pytest.raises(MachineError, match="EINVAL"):
        agent.let_request(Ready(Change.MAKE, path), message)
    agent.close()
    assert process.wait(timeout=10) == 0


def test_module_that_is_not_there_is_refused(agent_file, tmp_path):
    process, agent = spawn(agent_file)
    assert agent.insmod(str(tmp_path / "none.ko")) == "ENOENT"
    agent.close()
    assert process.wait(timeout=10) == 0


def test_word_is_put_into_a_file(agent_file, tmp_path):
    file = tmp_path / "file"
    process, agent = spawn(agent_file)
    assert agent.put(str(file), "scan") == "ENOENT"
    file.write_text("")
    assert agent.put(str(file), "1 word") == "ok"
    assert file.read_text() == "1 word"
    agent.close()
    assert process.wait(timeout=10) == 0


def test_request_has_the_result_of_its_ack(machine):
    """No family has the number 0x7fff; the controller has one for itself."""
    head = struct.Struct("=IHHII")
    name = struct.pack("=HH8s", 11, 2, b"nlctrl")
    known = head.pack(32, 16, 5, 1, 0) + bytes((3, 2, 0, 0)) + name
    unknown = head.pack(20, 0x7FFF, 5, 1, 0) + bytes((1, 1, 0, 0))
    program = Program((Request(unknown), Request(known)))
    assert machine.run(program).results == (Errno("ENOENT"), Ok())
    # The same by a name; what was told last counts.
    ask = Ready(Change.REVOKE, "/dev/one"), Ready(Change.REVOKE, "/dev/other")
    for name, message in zip((*ask, ask[0]), (known, known, unknown), strict=True):
        machine.let_request(name, message)
    program = Program((Request(ask[0]), Request(ask[1])))
    assert machine.run(program).results == (Errno("ENOENT"), Ok())


def test_allocations_fail_by_number_where_the_kernel_can(machine):
    text = "fail-nth 1000000\nfail-nth 0\nfail-nth 0\n"
    results = [str(r) for r in machine.run(parse_program(text)).results]
    if Path("/proc/self/fail-nth").exists():
        assert results == ["ok 0x0", "ok 0xf4240", "ok 0x0"]
    else:
        assert results == ["ENOENT"] * 3


@pytest.mark.parametrize("loop", ["open", "mmap", "mprotect", "pread"])
def test_bare_loop_tells_how_long_it_took(machine, tmp_path, loop):
    file = tmp_path / "file"
    file.write_bytes(bytes(8192))
    assert 0 < machine.bare(loop, 100, str(file), 4096) < 1


@pytest.mark.parametrize(
    ("loop", "name", "reason"),
    [("sleep", "file", "EINVAL"), ("open", "none", "ENOENT"), ("mmap", "", "EISDIR")],
)
def test_bare_loop_that_cannot_be_is_refused(machine, tmp_path, loop, name, reason):
    (tmp_path / "file").write_bytes(bytes(4096))
    with pytest.raises(MachineError, match=rf"bare {loop} on .*: {reason}"):
        machine.bare(loop, 1, f"{tmp_path}/{name}", 0)


def test_position_of_a_file_is_where_lseek_has_left_it(machine):
    text = (
        "memfd f0 0x3000\nlseek f0 end 0\nlseek f0 cur 0x10\nlseek f0 set 1\n"
        "lseek f0 cur 0xffffffffffffffff\nlseek f0 cur 0xffffffffffffffff\n"
        "lseek f1 set 0\n"
    )
    assert [str(r) for r in machine.run(parse_program(text)).results] == [
        *("ok", "ok 0x3000", "ok 0x3010", "ok 0x1", "ok 0x0", "EINVAL", "EBADF")
    ]


def test_device_is_opened_by_a_node_that_leaves_no_name(machine):
    text = (
        "open f0 /dev/zero rdonly\nmknod f1 f0 rdonly\nmknod f1 f0 rdonly\n"
        "pread f1 off=0 len=2\nmemfd f2 1\nmknod f3 f2 rdonly\nmknod f3 f4 rdonly\n"
    )
    _, made, again, read, *wrong = (
        str(r) for r in machine.run(parse_program(text)).results
    )
    # Without CAP_MKNOD, and where /tmp is mounted nodev.
    assert (made, read) in [("ok", "ok =0000"), ("EPERM", "EBADF"), ("EACCES", "EBADF")]
    assert again == made
    assert wrong == ["ok", "ENODEV", "EBADF"]


def test_module_that_is_not_there_is_not_loaded_by_a_program(machine):
    text = "insmod /memphys/is/not/here.ko\ninsmod /memphys/is/not/here.ko a=1\n"
    results = [str(r) for r in machine.run(parse_program(text)).results]
    assert results == ["ENOENT", "ENOENT"]


def test_module_that_is_not_there_cannot_be_unloaded(machine):
    (result,) = machine.run(parse_program("rmmod memphys_is_not_here\n")).results
    # EPERM for want of a capability, ENOSYS from a kernel without modules.
    assert str(result) in ("ENOENT", "EPERM", "ENOSYS")


def test_kernel_sees_what_a_mapping_shows(machine, model, target):
    path = target.nodes[0].path
    program = parse_program(
        f"open f0 {path} rdwr\nmmap m0 f0 off=0 len=0x2000 prot=rw flags=shared\n"
        "fill m0 seed=4\nmprotect m0 len=0x1000 prot=none\npeek m0+0xff0 len=32\n"
        "poke m0+0x1000 data=c0ffee\npoke m0 data=00\npeek m0+0x1ffc len=256\n"
        f"mmap m1 f0 off=0 len=0x2000 prot=r flags=private\npeek m1+0xffe len=4\n"
        "munmap m0\npeek m0 len=1\npread f0 off=0x1000 len=4\npeek m9 len=1\n"
    )
    assert machine.run(program) == model.run(program)


@pytest.mark.parametrize(
    ("script", "seconds", "told"),
    [
        ("echo $1; echo $2 >&2", 9, ("a", "b", "exited 0")),
        ("printf x; exit 3", 9, ("exited 3",)),
        ("kill $$", 9, ("killed SIGTERM",)),
        ("echo x; sleep 9", 1, ("x", "never")),
    ],
    ids=["prints", "fails", "dies", "does not end"],
)
def test_test_of_somebody_else_is_told_with_its_end(
    machine, tmp_path, script, seconds, told
):
    file = tmp_path / "it"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    assert machine.foreign([str(file), "a", "b"], seconds) == told
    assert machine.usable


def test_test_of_somebody_else_that_is_not_there_is_told(machine):
    assert machine.foreign(["/nothing/there"], 9) == ("ENOENT",)
    assert machine.usable
