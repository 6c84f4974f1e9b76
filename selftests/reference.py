"""Writes the reference of the control plane from its spec.

python selftests/reference.py

makes Documentation/netlink-reference.inc of Documentation/netlink/specs/memphys.yaml;
a host test compares the two.
"""

import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from mmapkit.setup import ROOT

SPEC = ROOT / "Documentation" / "netlink" / "specs" / "memphys.yaml"
PAGE = ROOT / "Documentation" / "netlink-reference.inc"

Spec = dict[str, Any]


def _text(words: str, indent: str = "") -> Iterator[str]:
    yield from textwrap.wrap(
        " ".join(words.split()),
        88,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _field(name: str, words: str) -> Iterator[str]:
    first, *rest = _text(f":{name}: {words}")
    yield first
    yield from (f"    {line}" for line in rest)


def _heading(text: str, line: str) -> Iterator[str]:
    yield from ("", text, line * len(text), "")


def _names(names: list[str]) -> str:
    return ", ".join(f"``{name}``" for name in names)


def _operation(op: Spec) -> Iterator[str]:
    yield from _heading(f"``{op['name']}``", "-")
    yield from _text(op["doc"])
    yield ""
    if "mcgrp" in op:
        yield from _field("Told to", f"listeners of ``{op['mcgrp']}``")
        yield from _field("With", _names(op["event"]["attributes"]))
    for way in ("do", "dump"):
        if way not in op:
            continue
        for part, title in (("request", "Asked with"), ("reply", "Answered with")):
            if part in op[way]:
                names = _names(op[way][part]["attributes"])
                many = ", of each" if way == "dump" else ""
                yield from _field(f"{title}{many}", names)
    yield from _field("Attributes", f"those of `{op['attribute-set']}`_")


def _form(attribute: Spec) -> str:
    """Return what an attribute holds, in words."""
    told = attribute["type"]
    checks = attribute.get("checks", {})
    if checks:
        told += f" of {checks['min-len']} to {checks['max-len']} bytes"
    if "enum" in attribute:
        flags = ", a bit for each" if attribute.get("enum-as-flags") else ""
        told += f", `{attribute['enum']}`_{flags}"
    if "nested-attributes" in attribute:
        told += f", `{attribute['nested-attributes']}`_"
    return told


def _entries(definition: Spec) -> Iterator[str]:
    yield from _heading(definition["name"], "-")
    yield from _text(definition["doc"])
    for number, entry in enumerate(definition["entries"]):
        value = 1 << number if definition["type"] == "flags" else number
        yield from ("", f"``{entry['name']}`` ({value})")
        yield from _text(entry["doc"], "    ")


def _attributes(group: Spec) -> Iterator[str]:
    yield from _heading(group["name"], "-")
    for number, attribute in enumerate(group["attributes"], start=1):
        if attribute["type"] == "pad":
            continue
        yield f"``{attribute['name']}`` ({number}: {_form(attribute)})"
        yield from _text(attribute["doc"], "    ")
        yield ""


def reference(text: str) -> str:
    """Return the reference of the spec of this text."""
    spec: Spec = yaml.safe_load(text)
    values = {d["name"]: d["value"] for d in spec["definitions"] if "value" in d}
    for group in spec["attribute-sets"]:
        for attribute in group["attributes"]:
            for name, check in attribute.get("checks", {}).items():
                attribute["checks"][name] = values.get(check, check)
    lines = [".. Written by selftests/reference.py.", ""]
    lines += _text(spec["doc"])
    for title, rows in (
        ("Messages", [_operation(op) for op in spec["operations"]["list"]]),
        ("Attributes", [_attributes(group) for group in spec["attribute-sets"]]),
        (
            "Values",
            [_entries(d) for d in spec["definitions"] if "entries" in d],
        ),
    ):
        lines += _heading(title, "=")
        for row in rows:
            lines += row
    body = "\n".join(lines)
    while "\n\n\n" in body:
        body = body.replace("\n\n\n", "\n\n")
    return body.rstrip("\n") + "\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(reference(SPEC.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
