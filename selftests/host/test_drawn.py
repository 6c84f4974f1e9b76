"""What the gate draws is a function of the tree, whatever a process has imported.

hypothesis takes some of its integers, strings and bytes from the literals of the local
modules that are there; strategies/dials.py tells how to keep clear of them.
"""

import ast
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mmapkit.program import Program
from mmapkit.setup import ROOT
from mmapkit.strategies import (
    Shape,
    choices,
    crowds,
    departures,
    large,
    programs,
    refused,
    unloading,
)
from mmapkit.strategies.dials import ROW, rows
from mmapkit.strategies.surgery import surgery
from mmapkit.text import format_program

NODES = ("/dev/one", "/dev/two")
SHAPE = Shape(window=None, size=64 << 10)

#: all that the properties draw
STRATEGIES = (
    *(programs(NODES), refused(NODES), large(NODES), crowds(NODES)),
    *(surgery(NODES, SHAPE), surgery(NODES, SHAPE, lives=True)),
    *(unloading(NODES, "driver"), surgery(()), departures("/dev/one"), choices),
)

#: what would not do
PLAIN = (st.lists(st.integers(0, (1 << 16) - 1), min_size=2, max_size=10),)

#: what a process of the suite may have imported besides
OTHERS = ("mmapkit.plugin", "mmapkit.machine.qemu", "detection.classes", "host.labs")


def sample(strategy, count):
    """Return what the gate draws."""
    found = []

    @settings(
        settings.get_profile("gate"),
        max_examples=count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def gather(drawn):
        found.append(drawn)

    gather()
    return found


def tell(strategies):
    """Print what is drawn."""
    for strategy in strategies:
        for drawn in sample(strategy, 60):
            text = format_program(drawn) if isinstance(drawn, Program) else drawn
            sys.stdout.write(f"{text}\n")


def told_with(folder, strategies, *modules):
    """Return what a process prints that has imported modules."""
    code = "\n".join(
        [f"import sys; sys.path[:0] = {[str(ROOT / 'selftests'), str(folder)]!r}"]
        + [f"import {name}" for name in ("mmapkit.plugin", *modules)]
        + ["mmapkit.plugin.register_profiles()"]
        + [f"from host.test_drawn import {strategies}, tell; tell({strategies})"]
    )
    words = [sys.executable, "-c", code]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def folder(tmp_path):
    """A folder with a module that is full of literals."""
    numbers = [*range(100, 300), *range(1000, 1 << 16, 1000)]
    literals = [*numbers, *(bytes(n) for n in range(1, 20)), *map(str, numbers)]
    (tmp_path / "literals.py").write_text(f"ALL = {literals!r}\n")
    return tmp_path


def test_programs_are_drawn_alike_whatever_is_imported(folder):
    one = told_with(folder, "STRATEGIES")
    assert one == told_with(folder, "STRATEGIES", "literals", *OTHERS)
    assert len(one.splitlines()) > 1000


def test_integers_are_not(folder):
    """When they are, rows of bytes have one reason less."""
    one = told_with(folder, "PLAIN")
    assert one != told_with(folder, "PLAIN", "literals")


def test_no_literal_of_the_tree_has_the_length_of_a_row():
    files = [*(ROOT / "selftests").rglob("*.py"), ROOT / "conftest.py"]
    literals = [
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes)
    ]
    assert b"" in literals
    assert ROW not in map(len, literals)


def test_rows_are_drawn_evenly():
    """Integers are not: most of those below 1 << 16 are below 1 << 12."""
    drawn = sample(rows, 2000)
    for at in range(ROW):
        high = sum(row[at] >= 128 for row in drawn)
        assert 0.4 < high / len(drawn) < 0.6
