"""The family in Python agrees with the spec that the driver is generated from."""

import pytest
import yaml

from mmapkit import control
from mmapkit.control import Backing, Command, Lifetime, MethodFlag
from mmapkit.setup import ROOT

SPEC = yaml.safe_load((ROOT / "Documentation/netlink/specs/memphys.yaml").read_text())
TYPES = {"string": "asciiz", "u32": "uint32", "u64": "uint64", "pad": "none"}
TYPES |= {"flag": "flag", "nest": "counters_nest"}
ENUMS = {"backing": Backing, "lifetime": Lifetime, "method-flag": MethodFlag}
SETS = {
    "method": control.MethodMessage,
    "counters": control.RegionMessage.counters_nest,
    "region": control.RegionMessage,
    "event": control.EventMessage,
}


def by_name(items):
    return {item["name"]: item for item in items}


def spelled(name):
    return name.lower().replace("_", "-")


@pytest.mark.parametrize("name", ENUMS)
def test_enum_agrees_with_the_spec(name):
    definition = by_name(SPEC["definitions"])[name]
    numbers = range(len(definition["entries"]))
    flags = definition["type"] == "flags"
    assert {spelled(item.name): item.value for item in ENUMS[name]} == {
        entry["name"]: 1 << number if flags else number
        for number, entry in zip(numbers, definition["entries"], strict=True)
    }


def test_every_enum_and_every_set_is_there():
    kinds = {item["name"] for item in SPEC["definitions"] if item["type"] != "const"}
    assert kinds == set(ENUMS)
    assert {item["name"] for item in SPEC["attribute-sets"]} == set(SETS)


@pytest.mark.parametrize("name", SETS)
def test_attributes_agree_with_the_spec(name):
    attributes = by_name(SPEC["attribute-sets"])[name]["attributes"]
    assert SETS[name].nla_map == (
        ("unspec", "none"),
        *((item["name"], TYPES[item["type"]]) for item in attributes),
    )


def test_commands_agree_with_the_spec():
    operations = SPEC["operations"]["list"]
    assert {item.spelling: item.value for item in Command} == {
        item["name"]: number for number, item in enumerate(operations, 1)
    }
    assert {item["name"]: SETS[item["attribute-set"]] for item in operations} == {
        command.spelling: kind for command, kind in control.MESSAGES.items()
    }


def test_names_agree_with_the_spec():
    assert SPEC["name"] == control.FAMILY
    assert SPEC.get("version", 1) == control.VERSION
    assert by_name(SPEC["definitions"])["name-max"]["value"] == control.NAME_MAX
    assert [group["name"] for group in SPEC["mcast-groups"]["list"]] == [control.EVENTS]
