"""What was measured, as a table for people and as JSON for programs."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity; samples has the values of each kind of its group."""

    name: str
    unit: str
    samples: Sequence[tuple[float, ...]]

    def statistics(self) -> list[tuple[float, float]]:
        """Return median and worst of each kind; the worst of a rate is the least."""
        worst = min if self.unit.endswith("/s") else max
        return [(statistics.median(values), worst(values)) for values in self.samples]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with a title; kinds name what stands side by side, if anything does."""

    title: str
    rows: Sequence[Row]
    kinds: Sequence[str] = ("",)


def number(value: float) -> str:
    """Return a number with three digits or more, and no exponent."""
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def render(about: Mapping[str, str], groups: Sequence[Group]) -> str:
    """Return the table: what it is about, then the groups, aligned in columns."""
    blocks = ["".join(f"{key:<9}{text}\n" for key, text in about.items())]
    for group in groups:
        kinds = [cell for kind in group.kinds for cell in (f"{kind} median", "worst")]
        lines = [[group.title, *map(str.strip, kinds), "of", "unit\n"]]
        for row in group.rows:
            values = [number(value) for pair in row.statistics() for value in pair]
            of = str(len(row.samples[0]))
            lines.append([f"  {row.name}", *values, of, f"{row.unit}\n"])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            line[:-1] = [line[0].ljust(36), *map(str.rjust, line[1:-1], widths[1:])]
        blocks.append("".join(map("  ".join, lines)))
    return "\n".join(blocks)


def to_json(about: Mapping[str, str], groups: Sequence[Group]) -> str:
    """Return the same, with every sample."""
    return json.dumps({"about": about, "groups": [*map(asdict, groups)]}, indent=2)
