"""Programs and commands of the documentation, on machines: what stands there comes.

Commands that want no driver are run by host/test_documentation.py. Here there is no
shell, and nobody but the agent: each kind of command is what makes the same calls.
"""

import json
import shlex
from pathlib import Path

import pytest

import documented
from detection.classes import BUGS
from mmapkit.case import ANY_NODE, nodes_of, read_case
from mmapkit.control import Backing, Control
from mmapkit.control import Command as Request
from mmapkit.files import read_text
from mmapkit.grammar import parse_program
from mmapkit.setup import ROOT
from mmapkit.targets.memphys import NODES, read_target

WRONG = {f"/dev/memphys/{bug.name}" for bug in BUGS}
WINDOWS = {node.path for node in NODES} | {ANY_NODE}
PROGRAMS = documented.programs()

ARENA = "/sys/module/memphys/parameters/arena_phys"
COMMANDS = documented.commands_run_by(__file__)


def home_of(program):
    """Return the lab that has the nodes of a program."""
    nodes = documented.nodes_in(program)
    if nodes & WRONG:
        return "faulty"
    return "lab" if nodes <= WINDOWS else "regions"


@pytest.mark.parametrize(
    ("block", "program"), PROGRAMS, ids=[block.place for block, _ in PROGRAMS]
)
def test_program_comes_to_what_is_written(request, block, program):
    """What stands behind "=>", and if no method is wrong what the model expects."""
    home = home_of(program)
    nodes, _ = nodes_of(block.text)
    for node in nodes or ("",):
        there = program.retarget(lambda path, n=node: n if path == ANY_NODE else path)
        outcome = request.getfixturevalue(home).run(there)
        assert documented.differences(block, outcome) == []
        assert (outcome == outcome.due) == (home != "faulty")


def test_programs_are_about_all_that_there_is():
    homes = [home_of(program) for _, program in PROGRAMS]
    assert set(homes) == {"faulty", "lab", "regions"}
    assert len(homes) >= 6


# ------------------------------------------------------------------- commands


def insmod(own, module, *options):
    name = Path(module).stem
    assert own.machine.rmmod(name) == "ok"
    assert own.machine.insmod(name, " ".join(options)) == "ok"
    # Another arena is somewhere else.
    own.machine.let("arena", int(read_text(own.machine, ARENA), 0))
    return ""


def replay(own, word, *cases):
    """By the agent alone where it is a folder; one case here, where traces are on."""
    assert word == "replay"
    paths = [ROOT / case for case in cases]
    if all(path.is_dir() for path in paths):
        files = sorted(file for path in paths for file in path.glob("*.case"))
        return "\n".join(own.machine.replay(files))
    for case in map(read_case, paths):
        for node in case.nodes:
            assert case.differences(own.run_raw(case.on(node))) == []
    return ""


def echo(own, text, sign, path):
    assert sign == ">"
    data = f"{text}\n".encode().hex()
    program = parse_program(f"open f0 {path} wronly\npwrite f0 off=0 data={data}\n")
    opened, written = map(str, own.run_raw(program).results)
    assert (opened, written) == ("ok", f"ok {len(text) + 1:#x}")
    return ""


def cat(own, path):
    return read_text(own.machine, path)


def plain(message):
    """Return attributes as the client of the kernel tree prints them."""
    attributes = {slot[0]: slot[1] for slot in message["attrs"]}
    return {
        name: plain(value) if isinstance(value, dict) else value
        for name, value in attributes.items()
    }


def ynl(own, *words):
    """The request by the kit's client: with the spec's names, and their values."""
    told = dict(zip(words[::2], words[1::2], strict=True))
    assert set(told) == {"--spec", "--do", "--json"}
    assert list((ROOT / "Documentation").rglob(told["--spec"]))
    attributes = json.loads(told["--json"])
    if backing := attributes.get("backing"):
        attributes["backing"] = Backing[backing.upper()].value
    command = next(c for c in Request if c.spelling == told["--do"])
    with Control(own.machine) as control:
        return "\n".join(
            str(plain(message)) for message in control.request(command, **attributes)
        )


BY = {"insmod": insmod, "agent": replay, "echo": echo, "cat": cat, "ynl": ynl}


@pytest.fixture(scope="module")
def own(make_lab):
    """A lab of one machine, whose driver may come and go."""
    own = make_lab(read_target)
    yield own
    own.close()


@pytest.mark.parametrize("page", sorted({c.place.split(":")[0] for c in COMMANDS}))
def test_commands_of_a_page_do_what_is_written(own, page, subtests):
    """One after the other, as a reader would type them."""
    for command in COMMANDS:
        if command.place.split(":")[0] != page:
            continue
        with subtests.test(command.words):
            name, *words = shlex.split(command.words)
            output = BY[Path(name).name](own, *words)
            assert documented.fits(command.output, output), output[-2000:]
    own.reload()


def test_each_kind_of_command_comes_up():
    assert {Path(shlex.split(c.words)[0]).name for c in COMMANDS} == set(BY)
