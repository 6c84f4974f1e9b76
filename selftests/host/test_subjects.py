"""Subjects: what a run is about, and what is due of it."""

import pytest

from mmapkit.control import Backing, Method, MethodFlag
from mmapkit.errors import TargetError
from mmapkit.targets.subjects import (
    Subject,
    methods,
    parse_subject,
    subject_nodes,
)

BOTH = frozenset({Backing.PAGES, Backing.VMALLOC})


class Control:
    def methods(self):
        eager = MethodFlag.PAGE | MethodFlag.EAGER
        return [
            Method("insert", eager, BOTH, BOTH),
            Method("late", MethodFlag(0), frozenset(Backing), frozenset()),
        ]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("remap", Subject("remap", "remap", window=True)),
        ("insert", Subject("insert", "insert")),
        ("late:insert", Subject("late", "insert")),
        ("late:fault:window", Subject("late", "fault", window=True)),
        ("/dev/x:insert:own", Subject("/dev/x", "insert", own=True)),
    ],
)
def test_subject_is_what_its_text_says(text, subject):
    assert parse_subject(text) == subject


@pytest.mark.parametrize("text", ["", "a:", ":b", "a:b:c", "a:b:own:own", "/dev/x"])
def test_text_that_is_no_subject_is_refused(text):
    with pytest.raises(TargetError):
        parse_subject(text)


def test_method_has_the_flags_of_its_kind_and_the_backings_of_both():
    (method,) = methods(Control(), [parse_subject("late:insert")])
    assert method == Method(
        "late", MethodFlag.PAGE | MethodFlag.EAGER, BOTH, frozenset()
    )


def test_without_a_subject_all_methods_are_meant():
    assert [m.name for m in methods(Control(), [])] == ["insert", "late"]


@pytest.mark.parametrize("text", ["lost:insert", "late:lost"])
def test_method_that_the_driver_has_not_is_told(text):
    with pytest.raises(TargetError, match="the driver has no method lost"):
        list(methods(Control(), [parse_subject(text)]))


def test_node_of_a_device_is_of_its_kind():
    (node,) = subject_nodes(Control(), [parse_subject("/dev/x:insert:own")])
    assert (node.path, node.pages, node.eager, node.owns) == (
        "/dev/x",
        True,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("text", "path", "stands"),
    [
        ("late:fault:window", "/dev/memphys/fault", "/dev/memphys/late"),
        ("late:fault:window", "/dev/memphys/fault-page-pages", None),
        ("late:fault-page", "/dev/memphys/fault-page-pages", "/dev/memphys/late-pages"),
        ("/dev/x:insert", "/dev/memphys/insert-pages", "/dev/x"),
        ("/dev/x:insert", "/dev/memphys/remap", None),
        ("/dev/x:insert:own", "/dev/memphys/insert-pages", None),
    ],
)
def test_subject_stands_for_nodes_of_its_kind(text, path, stands):
    assert parse_subject(text).stands_for(path) == stands
