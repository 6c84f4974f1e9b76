"""Machines that are none, and programs for them: what tests of labs share."""

from collections import deque

from mmapkit.agent import Mode
from mmapkit.grammar import parse_program
from mmapkit.model import Model
from mmapkit.verdict import Verdict

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


def programs_of(machine):
    return [program for program, _ in machine.ran]
