"""The reference of the control plane is that of its spec."""

import pytest
import yaml

import reference

TEXT = reference.SPEC.read_text()
SPEC = yaml.safe_load(TEXT)


def test_page_is_what_the_spec_makes():
    assert reference.PAGE.read_text() == reference.reference(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: region-del\n", "name: region-drop\n"),
        ("In bytes; whole pages.", "In pages."),
        ("max-len: name-max", "max-len: 15"),
        ("            - lifetime\n            - base\n", ""),
    ],
)
def test_spec_that_has_changed_makes_another_page(old, new):
    assert old in TEXT
    assert reference.reference(TEXT.replace(old, new, 1)) != reference.PAGE.read_text()


def test_everything_of_the_spec_is_there():
    text = reference.PAGE.read_text()
    names = [op["name"] for op in SPEC["operations"]["list"]]
    for group in SPEC["attribute-sets"]:
        names += [a["name"] for a in group["attributes"] if a["type"] != "pad"]
    for definition in SPEC["definitions"]:
        names += [entry["name"] for entry in definition.get("entries", ())]
    assert len(names) > 30
    assert [name for name in names if f"``{name}``" not in text] == []
