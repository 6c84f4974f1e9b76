"""Each claim of the conformance suite says its rule, and which bugs it is for.

The classes are those of Documentation/detection.rst: what the faulty methods and
devices do wrong, and what is not made.
"""

import ast
import re

import pytest

from mmapkit.setup import ROOT

SUITE = ROOT / "selftests" / "conformance"
TABLE = (ROOT / "Documentation" / "detection-table.inc").read_text()
TEXT = (ROOT / "Documentation" / "detection.rst").read_text()

MADE = set(re.findall(r"^\*\*(\w+)\*\* ``", TABLE, re.MULTILINE))
NOT_MADE = set(re.findall(r"^([A-Z]\d+), ", TEXT, re.MULTILINE))

#: at the end of a docstring, behind the rule
GUARDS = re.compile(r"\S\n+Guards: ([^.]+)\.\Z")


def claims():
    """Return the docstring of each test, by its file and name."""
    for path in sorted(SUITE.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                name = f"{path.relative_to(SUITE.parent)}::{node.name}"
                yield name, ast.get_docstring(node) or ""


CLAIMS = dict(claims())


def guarded(docstring):
    """Return the classes that a docstring names; None: it is not in order.

    "none" has a reason instead.
    """
    found = GUARDS.search(docstring)
    if not found:
        return None
    words = " ".join(found[1].split()).split(", ")
    if words[0] == "none":
        return set() if len(words) == 2 else None
    return set(words) if set(words) <= MADE | NOT_MADE else None


@pytest.mark.parametrize("name", CLAIMS)
def test_claim_has_a_rule_and_the_bugs_that_it_is_for(name):
    assert guarded(CLAIMS[name]) is not None


@pytest.mark.parametrize(
    ("docstring", "classes"),
    [
        ("A rule: mmap(2).\n\nGuards: A1, W.", {"A1", "W"}),
        ("A rule.\n\nMore of it.\nGuards: A1,\nB11.", {"A1", "B11"}),
        ("A rule.\n\nGuards: none, mm refuses it.", set()),
        ("", None),
        ("A rule: mmap(2).", None),
        ("Guards: A1.", None),
        ("A rule.\n\nGuards: A99.", None),
        ("A rule.\n\nGuards: A1, many.", None),
        ("A rule.\n\nGuards: A1. And more.", None),
        ("A rule.\n\nGuards: none.", None),
        ("A rule. Guards: A1.", None),
    ],
)
def test_docstring_that_is_not_in_order_is_told(docstring, classes):
    assert guarded(docstring) == classes


def test_classes_are_those_of_the_documentation():
    assert {"A1", "B11", "H"} <= MADE
    assert {"A10", "C2", "E7"} <= NOT_MADE


def test_every_class_that_is_made_has_a_claim():
    assert set().union(*map(guarded, CLAIMS.values())) >= MADE


def test_claim_names_what_it_has_caught():
    """By the table of detection.rst, which a run of detection has written."""
    for entry in re.split(r"^(?=\*\*)", TABLE, flags=re.MULTILINE)[1:]:
        caught = re.search(r"``(conformance/\S+)``,\s+``(\w+)", entry)
        if caught:
            found = entry.split("**")[1]
            assert found in guarded(CLAIMS["::".join(caught.groups())]), caught[2]
