"""Programs that give the memory of a target its content back."""

from collections.abc import Iterable

from mmapkit.program import MAX_TRANSFER, Mode, Offset, Open, Operation, Program, Pwrite
from mmapkit.target import Patterned, Target, Window


def pages_of(window: Window, page: int) -> Iterable[int]:
    """Return the offsets of the pages of a window that the kit has to fill."""
    if not isinstance(window.content, Patterned):
        return ()
    return range(window.base, window.base + window.size, page)


def restoring(target: Target, pages: Iterable[int]) -> Program:
    """Return the program that gives pages of a target their content back.

    pages: offsets in bytes. Pages of windows whose content is not the kit's to
    choose are left alone.
    """
    page = target.traits.page_size
    whole = target.nodes[0].path
    opened = ""
    operations: list[Operation] = []
    for start, end in _runs(sorted(pages), page):
        while start < end:
            window = target.covering(start)
            count = min(end, window.base + window.size, start + MAX_TRANSFER) - start
            if isinstance(window.content, Patterned):
                path = window.path or whole
                if path != opened:
                    operations.append(Open(0, path, Mode.RDWR))
                    opened = path
                name = None if window.path else window.name
                delta = start - window.base
                operations.append(Pwrite(0, Offset(delta, name), count))
            start += count
    return Program(tuple(operations))


def _runs(pages: list[int], page: int) -> list[tuple[int, int]]:
    """Join neighbouring pages to (start, end)."""
    runs: list[tuple[int, int]] = []
    for address in pages:
        if runs and runs[-1][1] == address:
            runs[-1] = runs[-1][0], address + page
        else:
            runs.append((address, address + page))
    return runs
