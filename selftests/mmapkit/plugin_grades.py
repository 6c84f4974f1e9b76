"""The pytest plugin that says of each test what it saw where more is right than one."""

from collections import Counter
from collections.abc import Iterator

import pytest

from mmapkit.grades import Grade
from mmapkit.plugin import labs_of

_GRADES = {grade.value for grade in Grade}


def _seen(config: pytest.Config) -> Counter[tuple[str, str, str]]:
    """Return what the labs of this process have seen until now."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for lab in labs_of(config):
        for mark, count in lab.tally.covered.items():
            if mark[0] in _GRADES:
                seen[mark] += count
    return seen


@pytest.fixture(autouse=True)
def _graded(request: pytest.FixtureRequest) -> Iterator[None]:
    """Put notes and warnings of a test into its properties, which JUnit XML has."""
    before = _seen(request.config)
    yield
    for (grade, name, answer), count in sorted(
        (_seen(request.config) - before).items()
    ):
        request.node.user_properties.append((grade, f"{name}: {answer} {count}"))
