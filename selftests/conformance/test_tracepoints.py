"""Tracepoints memphys:mmap and memphys:fault: what the first driver printed."""

import re

import pytest

from mmapkit.files import read_text
from mmapkit.grammar import parse_program

TRACING = "/sys/kernel/tracing"

SWITCH = """
open f0 {tracing}/events/memphys/enable wronly
pwrite f0 off=0 data={digit}
open f1 {tracing}/trace wronly
"""


@pytest.fixture
def trace(lab):
    """Run a program with the tracepoints on; returns the lines of the trace."""

    def switch(digit):
        # Opening the file for writing without O_TRUNC leaves the trace alone.
        program = parse_program(SWITCH.format(tracing=TRACING, digit=digit))
        results = [str(result) for result in lab.run_raw(program).results]
        assert results[:2] == ["ok", "ok 0x1"]

    def run(text):
        before = read_text(lab.machine, f"{TRACING}/trace").count("\n")
        switch("31")
        outcome = lab.run(parse_program(text))
        assert outcome == outcome.due
        switch("30")
        lines = read_text(lab.machine, f"{TRACING}/trace").splitlines()
        return [line.split(": ", 1)[1] for line in lines[before:] if "method=" in line]

    return run


def values(line):
    """Return the key=value parts of a line of the trace."""
    return dict(re.findall(r"(\w+)=(\S+)", line))


def number(line, key):
    return int(values(line)[key], 0)


def test_mmap_is_traced_with_its_range_and_result(lab, trace, node):
    """memphys:mmap tells what is mapped where: driver.rst.

    Guards: none, the driver's tracepoints are asked.
    """
    lines = trace(
        f"open f0 {node} rdonly\n"
        "mmap m0 f0 off=arena+0x3000 len=0x6000 prot=r flags=shared\n"
    )
    (line,) = [line for line in lines if line.startswith("mmap:")]
    pgoff = (lab.target.window("arena").base + 0x3000) // 4096
    assert values(line)["method"] == node.rpartition("/")[2]
    assert number(line, "end") - number(line, "start") == 0x6000
    assert number(line, "pgoff") == number(line, "pfn") == pgoff
    assert number(line, "result") == 0


def test_refused_mmap_is_traced_with_its_error(trace, node):
    """memphys:mmap tells of refusals of the driver, once: driver.rst.

    Guards: none, the driver's tracepoints are asked.
    """
    lines = trace(
        f"open f0 {node} rdonly\nmmap m0 f0 off=end len=0x1000 prot=r flags=shared\n"
    )
    assert [number(line, "result") for line in lines] == [-22]


def test_each_page_faults_once_when_it_is_touched(lab, trace):
    """memphys:fault tells of each call of the handler, with what it answered.

    Guards: B3.
    """
    lines = trace(
        "open f0 /dev/memphys/fault rdonly\n"
        "mmap m0 f0 off=arena len=0x6000 prot=r flags=shared\n"
        "digest m0 order=backward\ndigest m0\n"
    )
    faults = [line for line in lines if line.startswith("fault:")]
    first = lab.target.window("arena").base // 4096
    assert [number(line, "pfn") - first for line in faults] == [5, 4, 3, 2, 1, 0]
    for line in faults:
        inside = number(line, "address") - number(line, "start")
        assert inside == (number(line, "pfn") - first) * 4096
        assert number(line, "pgoff") == number(line, "pfn")
        assert values(line)["result"] == "NOPAGE"


def test_eager_mapping_does_not_fault(trace):
    """remap_pfn_range() has made all PTEs: no handler is asked.

    Guards: B9.
    """
    lines = trace(
        "open f0 /dev/memphys/remap rdonly\n"
        "mmap m0 f0 off=arena len=0x6000 prot=rw flags=private\nfill m0\n"
    )
    assert [line.split(":")[0] for line in lines] == ["mmap"]
