"""What goes wrong at a fault has its verdict in time, with what is to be known of it.

A row of hangs.py each. Time is the agent's own, as the machine may be slow; what the
whole took is noted in hangs.jsonl of the results folder.
"""

import re
import time

import pytest

from detection.hangs import FILE, HANGS, row_of
from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.plugin import results_of
from mmapkit.verdict import Verdict

RIGHT = """
open f0 /dev/memphys/fault rdwr
mmap m0 f0 off=arena len=0x6000 prot=rw flags=shared
store m0+0x5000 4 0xa5
digest m0
munmap m0
"""


def run(lab, program):
    """Run a program, also one of which the model does not know what comes of it."""
    try:
        return lab.run(program)
    except ModelError:
        return lab.machine.run(program)


def known(lab, text):
    """Return a program with a way of the kernel; another for one it has not."""
    if lab.target.traits.cross_memory:
        return text
    return text.replace("via=readv", "via=splice")


def check_evidence(outcome, hang):
    for key, pattern in hang.evidence.items():
        told = [text for name, text in outcome.evidence if name == key]
        assert any(re.fullmatch(pattern, text) for text in told), key


@pytest.mark.parametrize("hang", HANGS, ids=lambda hang: hang.name)
def test_hang_is_told_in_time_and_the_session_goes_on(faulty, pytestconfig, hang):
    scale = faulty.machine.hello.scale
    program = parse_program(known(faulty, hang.text))
    began = time.monotonic()
    outcome = run(faulty, program)
    seconds = round(time.monotonic() - began, 1)
    told = dict(outcome.evidence)
    row = row_of(seconds, told, hang, outcome.verdict.value)
    with (results_of(pytestconfig) / FILE).open("a") as file:
        file.write(row)

    assert outcome.verdict in hang.verdicts
    assert outcome.stopped_at in hang.at
    if hang.within is not None and outcome.verdict is not Verdict.LOST:
        assert int(told["waited_ms"]) <= hang.within * scale
    check_evidence(outcome, hang)
    titles = [finding.title for finding in outcome.findings]
    assert len(titles) == len(hang.findings)
    for pattern, title in zip(hang.findings, titles, strict=True):
        assert re.search(pattern, title)
    lines = (*outcome.console, *(text for _, text in outcome.evidence))
    assert any(re.search(hang.console, line) for line in lines) or not hang.console

    after = faulty.run(parse_program(RIGHT))
    assert after == after.due
