"""The bench: its statistics, its table, its JSON, and what it answers to errors."""

import json
import sys

import pytest

from bench import __main__ as command
from bench.table import Group, Row, number, render, to_json
from mmapkit.errors import KernelError

READY = Row("ready", "s", [(3.0, 9.0, 2.0)])
LOAD = Row("load", "us", [(20.0, 40.0), (1000.0, 1200.0)])
GROUPS = [Group("Machine", [READY]), Group("Costs", [LOAD], ("remap", "fault"))]


def test_worst_time_is_the_longest():
    assert READY.statistics() == [(3.0, 9.0)]


def test_worst_rate_is_the_least():
    row = Row("keep", "programs/s", [(300.0, 900.0, 200.0)])
    assert row.statistics() == [(300.0, 200.0)]


def test_kinds_have_statistics_of_their_own():
    assert LOAD.statistics() == [(30.0, 40.0), (1100.0, 1200.0)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123, "0.12"), (9.9, "9.90"), (10, "10.0"), (99.94, "99.9"), (54321, "54321")],
)
def test_number_has_three_digits_or_more(value, text):
    assert number(value) == text


def test_table_says_what_it_is_about_and_aligns_columns():
    assert render({"kernel": "6.1", "machine": "tcg"}, GROUPS).splitlines() == [
        "kernel   6.1",
        "machine  tcg",
        "",
        "Machine                               median  worst  of  unit",
        "  ready                                 3.00   9.00   3  s",
        "",
        "Costs                                 remap median  worst  "
        "fault median  worst  of  unit",
        "  load                                        30.0   40.0  "
        "        1100   1200   2  us",
    ]


def test_json_keeps_every_sample():
    whole = json.loads(to_json({"kernel": "6.1"}, GROUPS))
    assert whole["about"] == {"kernel": "6.1"}
    assert [group["kinds"] for group in whole["groups"]] == [[""], ["remap", "fault"]]
    assert whole["groups"][1]["rows"] == [
        {"name": "load", "unit": "us", "samples": [[20.0, 40.0], [1000.0, 1200.0]]}
    ]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run the bench with these words; nothing of it stays in the repository."""
    monkeypatch.setattr(command, "ROOT", tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        return command.main()

    return run


def raising(error):
    """Return what stands for supply(): no test here may get as far as packages."""

    def supply(*arguments):
        raise error

    return supply


def test_what_cannot_be_done_is_one_line_and_exit_code_2(run, monkeypatch, capsys):
    monkeypatch.setattr(command, "supply", raising(KernelError("no kernel 0.99")))
    assert run("--kernel=0.99") == 2
    assert capsys.readouterr() == ("", "bench: no kernel 0.99\n")


def test_interrupt_is_exit_code_130(run, monkeypatch):
    monkeypatch.setattr(command, "supply", raising(KeyboardInterrupt()))
    assert run() == 130


def test_no_samples_are_refused(run, monkeypatch, capsys):
    monkeypatch.setattr(command, "supply", raising(KernelError("went on")))
    with pytest.raises(SystemExit, match="2"):
        run("--repeat=0")
    assert "--repeat is at least 1" in capsys.readouterr().err
