"""The scanner of the kernel log, on logs recorded from real machines.

Each file of logs/ is named for the situation in which it was recorded, on
Debian's 6.1 and 6.12 kernels with the faulty methods loaded, or on --kernel=debug
with a module that does each of these things when it is written to.
"""

from pathlib import Path

import pytest

from mmapkit.console import new_taints, scan, strip_prefix

LOGS = Path(__file__).parent / "logs"


def scan_log(name):
    return scan((LOGS / f"{name}.txt").read_text().splitlines())


def test_clean_boot_has_no_finding():
    assert scan_log("clean-boot") == ()


@pytest.mark.parametrize("name", ["oops-6.1", "oops-6.12"])
def test_oops_is_found_with_its_operation_and_the_panic_after_it(name):
    oops, panic = scan_log(name)
    assert oops.kind == "oops"
    assert oops.title.startswith("BUG: kernel NULL pointer dereference")
    assert (oops.run, oops.operation) == (1, 2)
    assert any("RIP: 0010:__do_fault" in line for line in oops.lines)
    assert panic.kind == "panic"
    assert panic.title == "Kernel panic - not syncing: Fatal exception"


def test_panic_in_the_midst_of_a_report_ends_it():
    lines = ("BUG: kernel NULL pointer dereference", "Call Trace:")
    oops, panic = scan([*lines, "Kernel panic - not syncing: Fatal exception"])
    assert (oops.kind, oops.lines) == ("oops", lines)
    assert panic.kind == "panic"


def test_second_warning_is_a_finding_of_its_own():
    first, second = scan_log("two-warnings")
    assert first.kind == second.kind == "warning"
    assert (first.run, first.operation) == (1, 2)
    assert (second.run, second.operation) == (1, 3)
    assert any("faulty_warn_fault" in line for line in first.lines)


def test_hung_task_is_found_with_its_stack():
    first, *_ = scan_log("hung-task")
    assert first.kind == "stall"
    assert (first.run, first.operation) == (2, 2)
    assert any("faulty_stuck_fault" in line for line in first.lines)


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("kasan", "kasan", "BUG: KASAN: slab-use-after-free in trouble_write+"),
        ("lockdep", "lockdep", "WARNING: possible circular locking dependency"),
        ("lock-held", "lockdep", "WARNING: lock held when returning to user space"),
        ("sleep-in-atomic", "lockdep", "BUG: sleeping function called from invalid"),
        ("ubsan", "ubsan", "UBSAN: shift-out-of-bounds in "),
        ("bad-page", "bad-page", "BUG: Bad page state in process mp.1.1"),
    ],
)
def test_debug_kernel_tells_of_trouble_in_one_finding(name, kind, title):
    (finding,) = scan_log(f"{name}-7.3")
    assert finding.kind == kind
    assert finding.title.startswith(title)
    assert (finding.run, finding.operation) == (1, 1)


def test_report_of_kasan_has_all_to_its_end():
    (kasan,) = scan_log("kasan-7.3")
    assert any(line.startswith("Freed by task") for line in kasan.lines)
    assert any(line.startswith(">ffff888007839c80") for line in kasan.lines)


def test_two_detectors_of_one_access_are_two_findings():
    ubsan, kasan = scan_log("ubsan-and-kasan-7.3")
    assert (ubsan.kind, kasan.kind) == ("ubsan", "kasan")
    assert (ubsan.operation, kasan.operation) == (1, 1)


def test_dump_of_a_page_belongs_to_the_check_that_failed():
    page, panic = scan_log("double-free-page-7.3")
    assert page.kind == "bad-page"
    assert any("VM_BUG_ON_PAGE(page_ref_count" in line for line in page.lines)
    assert panic.kind == "panic"


def test_panic_by_nmi_belongs_to_no_operation():
    (panic,) = scan_log("panic-by-nmi")
    assert panic.kind == "panic"
    assert panic.operation is None


def test_oops_by_execution_is_one_finding_with_what_led_to_it():
    """The recorded oops, as the kernel tells it of a jump to a page of data."""
    name, first = "kernel tried to execute NX-protected page", "BUG: kernel NULL"
    lines = (LOGS / "oops-6.12.txt").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if first in line)
    time = lines[at].partition("]")[0]
    lines[at:at] = [f"{time}] {name} - exploit attempt? (uid: 0)"]
    oops, panic = scan(lines)
    assert (oops.kind, panic.kind) == ("oops", "panic")
    assert oops.title.startswith(name)
    assert (oops.run, oops.operation) == (1, 2)


def test_log_that_breaks_off_loses_no_finding():
    lines = (LOGS / "oops-6.1.txt").read_text().splitlines()
    (oops,) = scan(lines[:4])
    assert oops.kind == "oops"


# One line each, as the kernel prints it.
TITLES = {
    "BUG: KASAN: slab-use-after-free in memphys_fault+0x10/0x20": "kasan",
    "BUG: KASAN: null-ptr-deref in range [0x0-0x7]": "kasan",
    "BUG: KFENCE: out-of-bounds read in x+0x1/0x2": "kasan",
    "kmemleak: Kernel memory leak detector disabled": "leak",
    "kmemleak: Cannot allocate a kmemleak_object structure": "leak",
    "UBSAN: array-index-out-of-bounds in driver/map.c:3:4": "ubsan",
    "WARNING: possible circular locking dependency detected": "lockdep",
    "WARNING: possible recursive locking detected": "lockdep",
    "WARNING: suspicious RCU usage": "lockdep",
    "WARNING: bad unlock balance detected!": "lockdep",
    "BUG: sleeping function called from invalid context at mm/x.c:1": "lockdep",
    "[ BUG: Invalid wait context ]": "lockdep",
    "BUG: scheduling while atomic: mp.1.2/99/0x00000002": "lockdep",
    "BUG: Bad page state in process mp.1.2  pfn:06400": "bad-page",
    "BUG: Bad page map in process mp.1.2  pte:80 pmd:06": "bad-page",
    "BUG: Bad rss-counter state mm:00000000 type:MM_FILEPAGES val:1": "bad-page",
    "BUG: non-zero pgtables_bytes on freeing mm: 4096": "bad-page",
    "page:00000000a1b2c3d4 refcount:0 mapcount:-1 mapping:0 index:0x0": "bad-page",
    "page: refcount:0 mapcount:-128 mapping:0000000000000000 index:0x0": "bad-page",
    "mm/pgtable-generic.c:54: bad pmd 00000000d1e2f3a4(8000000100000867)": "bad-page",
    "mm/pgtable-generic.c:42: bad pud 00000000d1e2f3a4(0000000100000000)": "bad-page",
    "mm/pgtable-generic.c:36: bad p4d 00000000d1e2f3a4(0000000100000000)": "bad-page",
    "mm/pgtable-generic.c:29: bad pgd 00000000d1e2f3a4(0000000100000000)": "bad-page",
    "x86/PAT: mp.1.2:99 map pfn RAM range req write-back for [mem 0x0-0xfff], "
    "got uncached-minus": "pat",
    "x86/PAT: mp.1.2:99 conflicting memory types 1000-2000 write-back<->"
    "write-combining": "pat",
    "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:": "stall",
    "rcu: INFO: rcu_preempt self-detected stall on CPU": "stall",
    "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [mp.1.2:99]": "stall",
    "Watchdog detected hard LOCKUP on cpu 1": "stall",
    "INFO: task mp.1.2:91 blocked for more than 120 seconds.": "stall",
    "BUG: unable to handle page fault for address: ffff888000000000": "oops",
    "Unable to handle kernel paging request at virtual address 0": "oops",
    "general protection fault, probably for non-canonical address 1": "oops",
    "kernel BUG at mm/memory.c:2229!": "oops",
    "Internal error: Oops: 96000004 [#1] SMP": "oops",
    "mp.1.2: Corrupted page table at address 7f00": "oops",
    "kernel tried to execute NX-protected page - exploit attempt? (uid: 0)": "oops",
    "refcount_t: underflow; use-after-free.": "refcount",
    "list_del corruption. prev->next should be x": "list",
    "BUG kmalloc-64 (Tainted: G    B      OE): Poison overwritten": "slab",
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)": "leak",
    "mp.1.2 invoked oom-killer: gfp_mask=0x0(), order=0, oom_score_adj=0": "oom",
    "Out of memory: Killed process 91 (mp.1.2)": "oom",
    "usercopy: Kernel memory exposure attempt detected": "usercopy",
    "sysfs: cannot create duplicate filename '/devices/virtual/misc/x'": "kobject",
    "kobject (00000000d1e2f3a4): tried to init an initialized object, something is "
    "seriously wrong.": "kobject",
    "kobject: 'x' (00000000d1e2f3a4): tried to init an initialized object, something "
    "is seriously wrong.": "kobject",
    "WARNING: CPU: 0 PID: 99 at map.c:20 memphys_fault+0x1/0x2 [memphys]": "warning",
    "WARNING: map.c:20 at memphys_fault+0x1/0x2 [memphys], CPU#0: mp.1.2/99": "warning",
    "BUG: something that is not known here": "bug",
    "Kernel panic - not syncing: hung_task: blocked tasks": "panic",
}


@pytest.mark.parametrize(("title", "kind"), TITLES.items())
@pytest.mark.parametrize("prefix", ["", "[    3.171418] ", "<4>[    3.1][  T91] "])
def test_report_is_told_by_its_title(prefix, title, kind):
    (finding,) = scan([f"{prefix}{title}"])
    assert finding.kind == kind
    assert finding.title == title
    if "mp.1.2" in title:
        assert (finding.run, finding.operation) == (1, 2)


HARMLESS = [
    "memphys: loading out-of-tree module taints kernel.",
    "memphys: module verification failed: signature and/or required key missing",
    "x86/PAT: Configuration [0-7]: WB  WC  UC- UC  WB  WP  UC- WT",
    "x86/PAT: mp.421.2:517 freeing invalid memtype [mem 0x10000000-0x10000fff]",
    "mp.1.2[99]: segfault at 0 ip 0000000000401000 sp 00007ffd error 4 in agent",
    "__vm_enough_memory: pid: 116, comm: mp.113.1, no enough memory for the allocation",
    "kmemleak: Cannot allocate a scan area, scanning the full object",
    "ACPI: PM: Power Resource [ERR] BUGGY firmware",
    "KTAP version 1",
    "1..2",
    "    # Subtest: memphys: bad pmd 0",
    "    # memphys_access: EXPECTATION FAILED at driver/x.c:1",
    "    ok 1 x: Corrupted page table at address 0 is told",
    "    not ok 2 Watchdog detected hard LOCKUP on cpu 1",
    "# memphys: pass:1 fail:1 skip:0 invoked oom-killer total:2",
    "",
]


@pytest.mark.parametrize("line", HARMLESS)
def test_harmless_line_is_no_finding(line):
    assert scan([line, f"[    1.000000] {line}"]) == ()


def test_prefix_of_a_line_is_stripped():
    assert strip_prefix("<4>[    3.171418][  T91] BUG: x") == "BUG: x"
    assert strip_prefix("[    3.171418]  <TASK>") == " <TASK>"


def test_new_taints_are_the_bad_ones_that_came():
    out_of_tree = 1 << 12 | 1 << 13
    assert new_taints(out_of_tree, out_of_tree) == ()
    assert new_taints(out_of_tree, out_of_tree | 1 << 9) == ("W: warning",)
    assert new_taints(1 << 9, 1 << 9 | 1 << 7) == ("D: oops or BUG",)
    assert new_taints(0, out_of_tree) == ()
