"""The kernel log, read for what must not be in it.

scan() turns lines of a console or of /dev/kmsg into findings. A report that
runs over many lines is one finding. Workers of the agent carry the number of
their run and operation in their name ("mp.17.3"), and the kernel puts the name
of the task into its reports: that is how a finding knows what it belongs to.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from mmapkit.verdict import Finding

#: a report has no more lines than this; what follows is looked at afresh
REPORT_LINES = 120

# "[    3.141592] ", "[    3.141592][  T123] " and "<4>" in front of a line.
_PREFIX = re.compile(r"^(?:<\d+>)?(?:\[ *\d+\.\d+\](?:\[ *[CT]\d+\])? ?)*")
_TASK = re.compile(r"\bmp\.(\d+)\.(\d+)\b")
_END = re.compile(r"---\[ end |^(?: )*</TASK>")

# KASAN has more to say after the stack: whose memory it is, with a dump of the
# page that would pass for a report of its own.
_ENDS = {"kasan": re.compile(r"^={20}")}


class _Sign(NamedTuple):
    kind: str
    pattern: re.Pattern[str]


# The first that matches gives a report its kind: special before general.
_SIGNS = tuple(
    _Sign(kind, re.compile(pattern))
    for kind, pattern in (
        ("panic", r"^Kernel panic - not syncing"),
        ("kasan", r"^BUG: K[AMC]SAN: |^BUG: KFENCE: "),
        ("ubsan", r"^UBSAN: |^array-index-out-of-bounds"),
        (
            "lockdep",
            r"^WARNING: (possible |bad unlock balance|suspicious RCU|Nested lock|"
            r"held lock freed|lock held when|inconsistent lock|.*lock order)"
            r"|^BUG: (sleeping function called|scheduling while atomic|"
            r"MAX_LOCK|MAX_STACK|workqueue leaked lock|Invalid wait context)"
            r"|^\[ BUG: Invalid wait context \]"
            r"|^INFO: (trying to register non-static key|lockdep is turned off)",
        ),
        (
            "bad-page",
            r"^BUG: (Bad page |Bad rss-counter|non-zero pgtables_bytes)"
            # Since 6.11 a page is shown without its address.
            r"|^page_table_check: |^page:\S* ?refcount:"
            r"|: bad (pmd|pud|p4d|pgd) ",
        ),
        # Not "freeing invalid memtype": before 6.16 x86 says that of any munmap
        # of the head of a remap_pfn_range() mapping that is not of RAM, since
        # memtype_erase() can only take an end off its record.
        ("pat", r"^x86/PAT: .*(map pfn|conflicting memory types)"),
        (
            "stall",
            r"^rcu: INFO: .*(detected|stall)|^watchdog: BUG: soft lockup"
            r"|[Ww]atchdog.*hard LOCKUP|^INFO: task .* blocked for more"
            r"|^BUG: workqueue lockup|^INFO: rcu_.* stall",
        ),
        (
            "oops",
            r"^BUG: (unable to handle|kernel NULL pointer)"
            r"|^Unable to handle kernel|^Oops: |^Internal error: "
            r"|^general protection fault|^kernel BUG at|^invalid opcode: "
            r"|^int3: |^divide error: |^double fault: |^stack segment: "
            r"|^PANIC: |^traps: PANIC|^Bad pagetable|.*: Corrupted page table at"
            r"|^kernel tried to execute NX-protected page",
        ),
        ("refcount", r"^refcount_t: "),
        ("list", r"^(list_add|list_del|slab_common|cache_free).*corruption"),
        ("slab", r"^BUG [\w.()-]+ .*: |^Slab corruption|^=+\s*BUG "),
        (
            "leak",
            r"^kmemleak: \d+ new suspected memory leaks"
            # Without it nothing would ever leak. That it looks at the whole of
            # an object, for want of memory, does no harm.
            r"|^kmemleak: (Kernel memory leak detector disabled"
            r"|Cannot (?!allocate a scan area))",
        ),
        ("oom", r"invoked oom-killer|^Out of memory: "),
        ("usercopy", r"^usercopy: "),
        (
            "kobject",
            r"^sysfs: cannot create duplicate filename"
            r"|^kobject\b.*tried to init an initialized object",
        ),
        ("machine-check", r"^mce: .*Hardware Error|Machine check"),
        ("warning", r"^WARNING: "),
        ("bug", r"^BUG: |^\[ BUG: "),
    )
)


def strip_prefix(line: str) -> str:
    """Return a line of the log without time stamp and the like."""
    return line[match.end() :] if (match := _PREFIX.match(line)) else line


# What a test inside of the kernel has to say, at any depth; its messages may
# be the text of anything. Documentation/dev-tools/ktap.rst of the kernel.
_KTAP = re.compile(r"^ *(KTAP version \d|TAP version \d|1\.\.\d|(not )?ok \d|# )")


def _kind_of(line: str) -> str | None:
    if _KTAP.match(line):
        return None
    return next((sign.kind for sign in _SIGNS if sign.pattern.search(line)), None)


def task_of(lines: Iterable[str]) -> tuple[int | None, int | None]:
    """Return the run and the operation that the first task named belongs to."""
    task = next((match for line in lines if (match := _TASK.search(line))), None)
    return (int(task[1]), int(task[2])) if task else (None, None)


class _Report:
    """A report being gathered."""

    def __init__(self, kind: str, title: str) -> None:
        self.kind = kind
        self.title = title
        self.lines = [title]

    def finding(self) -> Finding:
        run, operation = task_of(self.lines)
        return Finding(self.kind, self.title, tuple(self.lines), run, operation)


def scan(lines: Iterable[str]) -> tuple[Finding, ...]:
    """Return what the lines of a kernel log tell of, in order.

    Lines may carry time stamps. A panic ends the report that led to it and is
    one of its own.
    """
    findings: list[Finding] = []
    report: _Report | None = None
    for raw in lines:
        line = strip_prefix(raw.rstrip("\r\n"))
        kind = _kind_of(line)
        over = report is None or len(report.lines) >= REPORT_LINES
        if kind is not None and (over or kind == "panic"):
            if report is not None:
                findings.append(report.finding())
            report = _Report(kind, line)
        elif report is not None:
            report.lines.append(line)
            end = _ENDS.get(report.kind, _END)
            if end.search(line) or len(report.lines) > REPORT_LINES:
                findings.append(report.finding())
                report = None
    if report is not None:
        findings.append(report.finding())
    return tuple(findings)


#: taint bits that only something bad sets, by their letter; Documentation/
#: admin-guide/tainted-kernels.rst of the kernel
BAD_TAINTS = {
    4: "M: machine check",
    5: "B: bad page",
    7: "D: oops or BUG",
    9: "W: warning",
    14: "L: soft lockup",
}


def new_taints(before: int, after: int) -> tuple[str, ...]:
    """Return the bad taint bits that came between two looks."""
    return tuple(
        text for bit, text in BAD_TAINTS.items() if (after & ~before) >> bit & 1
    )


#: taint bits that loading a module may set: O, E, and T: in-kernel test
_LOADING = 1 << 12 | 1 << 13 | 1 << 18


def taints_of_loading(before: int, after: int) -> tuple[str, ...]:
    """Return the taint bits that came with a module and say more than that."""
    new = after & ~before & ~_LOADING
    return tuple(
        f"taint {BAD_TAINTS.get(bit, f'bit {bit}')}"
        for bit in range(new.bit_length())
        if new >> bit & 1
    )
