"""What the driver promises not to do, read in its source.

None of it can be seen from outside: a file without poll is ready at any time, as
one is whose poll says so, and a WARN that nobody reaches warns of nothing.
"""

import re

import pytest

from mmapkit.setup import ROOT

DRIVER = ROOT / "driver"

SOURCES = {
    str(path.relative_to(DRIVER)): path.read_text()
    for path in sorted(DRIVER.rglob("*.[ch]"))
}

PROMISES = {
    "polls": (r"\.poll\s*=|\bpoll_wait\(", ("faulty/",)),
    "warns of what a user has done": (
        r"\b(?:WARN|BUG)(?:_ON)?(?:_ONCE)?\(",
        ("faulty/",),
    ),
    "asks for the version of the kernel": (r"\bKERNEL_VERSION\(", ("compat/",)),
}


def breaking(pattern, but, sources):
    """Return the files that have a pattern in their code, but for some folders."""
    return [
        name
        for name, text in sources.items()
        if not name.startswith(but)
        and re.search(pattern, re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))
    ]


@pytest.mark.parametrize("promise", PROMISES)
def test_driver_never(promise):
    pattern, but = PROMISES[promise]
    assert breaking(pattern, but, SOURCES) == []


@pytest.mark.parametrize(
    ("promise", "code"),
    [
        ("polls", "\t.poll\t\t= memphys_poll,\n"),
        ("warns of what a user has done", "\tif (WARN_ON_ONCE(len > max))\n"),
        (
            "asks for the version of the kernel",
            "#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)\n",
        ),
    ],
)
def test_source_that_breaks_a_promise_is_told(promise, code):
    pattern, but = PROMISES[promise]
    sources = {"a.c": code, "b.c": f"/* {code} */", f"{but[0]}c.c": code}
    assert breaking(pattern, but, sources) == ["a.c"]
