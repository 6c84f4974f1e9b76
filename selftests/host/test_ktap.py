"""The results of tests inside of the kernel, from logs recorded and spoilt.

kunit-*.txt of logs/ are what loading memphys_kunit has left on the console of
the kernel that they are named for.
Whatever happens to such a log, it must not go on being a pass.
"""

import re
from pathlib import Path

import pytest

from mmapkit.ktap import Status, parse

LOGS = Path(__file__).parent / "logs"
RECORDED = sorted(LOGS.glob("kunit-passed-*.txt"))
KTAP = re.compile(r"\[[^]]*\]( *)((?:not )?ok \d|1\.\.|KTAP|# )")

# One of each kind of line, as KUnit of 7.3 indents them.
SMALL = """\
KTAP version 1
1..2
    KTAP version 1
    # Subtest: first
    # module: memphys_kunit
    1..3
        KTAP version 1
        # Subtest: ranges
        ok 1 nothing
        ok 2 all # of it
    # ranges: pass:2 fail:0 skip:0 total:2
    ok 1 ranges
    ok 2 names
    ok 3 later # SKIP not today
# first: pass:2 fail:0 skip:1 total:3
# Totals: pass:3 fail:0 skip:1 total:4
ok 1 first
    KTAP version 1
    # Subtest: second
    1..1
    ok 1 alone
ok 2 second
"""


@pytest.fixture(params=[path.stem for path in RECORDED])
def recorded(request):
    """The lines of a recorded log."""
    return (LOGS / f"{request.param}.txt").read_text().splitlines()


def small():
    return SMALL.splitlines()


def names(tests):
    return [(test.name, names(test.subtests)) for test in tests]


def test_tests_are_told_with_those_inside_of_them():
    report = parse(small())
    assert report.passed
    assert names(report.tests) == [
        (
            "first",
            [
                ("ranges", [("nothing", []), ("all # of it", [])]),
                ("names", []),
                ("later", []),
            ],
        ),
        ("second", [("alone", [])]),
    ]
    later = report.tests[0].subtests[2]
    assert (later.status, later.reason) == (Status.SKIPPED, "not today")


def test_recorded_log_is_a_pass(recorded):
    report = parse(recorded)
    assert report.passed
    assert {test.name for test in report.tests} >= {"memphys_access", "memphys_tables"}
    assert sum(1 for test in report.tests for _ in test.leaves()) > 100


def test_recorded_failures_are_told_each_with_its_reason():
    """The reasons of the tables had just been given other words."""
    report = parse((LOGS / "kunit-failures-7.3.txt").read_text().splitlines())
    assert not report.passed
    assert report.problems == ()
    failed = [test for test in report.tests if test.status is not Status.PASSED]
    assert [(test.name, test.status) for test in failed] == [
        ("memphys_tables", Status.FAILED)
    ]
    assert [test.status for test in failed[0].subtests] == [
        *2 * [Status.FAILED],
        *2 * [Status.PASSED],
    ]
    told = "\n".join(failed[0].explain())
    assert "Expected strstarts(reason, start) to be true, but is false" in told
    assert "backing 3: this method maps a range of PFNs, and vmalloc scatters" in told


def test_recorded_log_is_the_same_without_time_stamps(recorded):
    bare = [re.sub(r"^\[[^]]*\] ?", "", line) for line in recorded]
    assert parse(bare) == parse(recorded)


@pytest.mark.parametrize(
    "noise",
    [
        "",
        "[    9.000001] random: crng init done",
        "[    9.000001][  T91]  <TASK>",
        "<6>[    9.000001]     1 2 3",
        "okay 1 x",
        "not okay",
        "ok",
        "1...2",
    ],
)
def test_what_else_the_kernel_says_changes_no_result(noise):
    lines = [text for line in small() for text in (noise, f"[    9.0] {line}", noise)]
    report = parse(lines)
    assert report.passed
    assert names(report.tests) == names(parse(small()).tests)


def test_record_of_kmsg_holds_several_lines():
    joined = "\\x0a".join(small())
    assert parse([joined]) == parse(small())
    assert parse(line + "\\x0a" for line in small()) == parse(small())


def results_of(lines):
    return [i for i, line in enumerate(lines) if re.search(r"\bok \d+ ", line)]


def plans_of(lines):
    return [i for i, line in enumerate(lines) if re.search(r"(\] *|^ *)1\.\.\d", line)]


def totals_of(lines):
    return [i for i, line in enumerate(lines) if " total:" in line]


def without(lines, at):
    return lines[:at] + lines[at + 1 :]


def assert_all_turn(lines, places, change):
    """Expect no pass wherever a log is changed."""
    assert places
    passed = [lines[at] for at in places if parse(change(lines, at)).passed]
    assert passed == []


def changed(pattern, to):
    def change(lines, at):
        text, count = re.subn(pattern, to, lines[at], count=1)
        assert count == 1
        return [*lines[:at], text, *lines[at + 1 :]]

    return change


# Where, and what happens there.
MUTATIONS = {
    "a result is lost": (results_of, without),
    "a plan is lost": (plans_of, without),
    "a result comes twice": (results_of, lambda ls, i: ls[: i + 1] + ls[i:]),
    "a result is glued to something": (
        results_of,
        lambda ls, i: [*ls[:i], ls[i].replace("ok", "x ok", 1), *ls[i + 1 :]],
    ),
    "a test fails": (results_of, changed(r"\bok (\d)", r"not ok \1")),
    "a number is too high": (results_of, changed(r"\bok (\d)", r"ok 9\1")),
    "a plan is for more": (plans_of, changed(r"1\.\.(\d)", r"1..9\1")),
    "a plan is for none": (plans_of, changed(r"1\.\.\d+", "1..0")),
    "a plan comes twice": (plans_of, lambda ls, i: ls[: i + 1] + ls[i:]),
    "totals have another pass": (totals_of, changed(r"pass:", "pass:9")),
    "totals have another failure": (totals_of, changed(r"fail:0", "fail:1")),
    "totals have another skip": (totals_of, changed(r"skip:", "skip:9")),
    "totals have another total": (totals_of, changed(r"total:", "total:9")),
    "a test has timed out": (results_of, changed(r"( # .*)?$", " # TIMEOUT")),
}


@pytest.mark.parametrize(("places", "change"), MUTATIONS.values(), ids=MUTATIONS)
def test_spoilt_log_is_no_pass(places, change):
    lines = small()
    assert_all_turn(lines, places(lines), change)


@pytest.mark.parametrize(("places", "change"), MUTATIONS.values(), ids=MUTATIONS)
def test_recorded_log_that_is_spoilt_is_no_pass(recorded, places, change):
    assert_all_turn(recorded, places(recorded), change)


def test_log_that_breaks_off_is_no_pass_wherever_it_does(recorded):
    for lines in (small(), recorded):
        last = results_of(lines)[-1]
        assert_all_turn(lines, range(last + 1), lambda ls, i: ls[:i])


def test_log_that_begins_late_is_no_pass():
    lines = small()
    # Up to there it is as modules told their results before 6.3.
    start, end = lines.index("    1..3"), lines.index("ok 1 first")
    assert_all_turn(lines, range(start + 1, end + 1), lambda ls, i: ls[i:])


def test_failure_is_told_with_what_the_kernel_said_of_it():
    lines = small()
    lines[12:13] = [
        "    # names: EXPECTATION FAILED at memphys_kunit.c:7\\x0a"
        "    Expected 1 == 0, but",
        "    not ok 2 names",
    ]
    first, second = parse(lines).tests
    failed = first.subtests[1]
    assert failed.status is Status.FAILED
    assert failed.log == (
        "    # names: EXPECTATION FAILED at memphys_kunit.c:7",
        "    Expected 1 == 0, but",
    )
    assert second.status is Status.PASSED
    told = "\n".join(first.explain())
    assert "names: failed" in told
    assert "Expected 1 == 0, but" in told
    assert "ranges" not in told


def test_suite_that_passes_over_its_own_failure_is_broken():
    lines = small()
    lines[12] = "    not ok 2 names"
    (first, _) = parse(lines).tests
    assert first.status is Status.BROKEN
    assert "passed although a test in it did not" in first.reason


def test_suite_that_fails_by_itself_has_failed():
    lines = small()
    lines[-1] = "not ok 2 second"
    (_, second) = parse(lines).tests
    assert second.status is Status.FAILED
    assert second.subtests[0].status is Status.PASSED


def test_truncated_log_names_the_test_that_did_not_end():
    report = parse(small()[:10])
    (first,) = report.tests
    (ranges,) = first.subtests
    assert (first.name, ranges.name) == ("first", "ranges")
    assert ranges.status is first.status is Status.BROKEN
    assert ranges.reason == "the log ends before its result"
    assert report.problems == ("2 tests were planned, 1 told",)


def test_names_of_the_end_and_the_beginning_of_a_suite_differ():
    lines = small()
    lines[-1] = "ok 2 third"
    (_, test) = parse(lines).tests
    assert test.status is Status.BROKEN
    assert test.reason == "ends the tests of second"


def test_module_without_a_header_is_a_pass_from_any_number_on():
    """Before 6.3 only the suites of a built-in test have one."""
    lines = [re.sub(r"^ok (\d)", r"ok 4\1", line) for line in small()[2:]]
    report = parse(lines)
    assert report.passed
    assert [test.name for test in report.tests] == ["first", "second"]


def test_modules_that_are_loaded_one_after_the_other_add_up():
    assert names(parse(small() + small()).tests) == 2 * names(parse(small()).tests)
    assert not parse(small()[:-1] + small()).passed
    assert not parse(small() + small()[:-1]).passed


def test_suite_of_which_all_is_skipped_is_skipped():
    lines = ["    # Subtest: x", "    1..1", "    ok 1 a # SKIP no", "ok 1 x # SKIP"]
    report = parse(lines)
    assert report.tests[0].status is Status.SKIPPED
    assert not report.passed


def test_parameters_are_told_by_their_totals_or_are_one():
    one = ["        # Subtest: p", "        ok 1 a", "    ok 1 p"]
    two = [*one[:2], "        ok 2 b", one[2]]
    totals = "    # p: pass:2 fail:0 skip:0 total:2"

    def suite(lines):
        return parse(["    # Subtest: s", "    1..1", *lines, "ok 1 s"])

    assert suite(one).passed
    assert not suite(two).passed
    assert suite([*two[:3], totals, two[3]]).passed


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["KTAP version 1"],
        ["KTAP version 1", "1..0"],
        ["KTAP version 1", "ok 1 a"],
        ["1..1", "    ok 1 a", "ok 1 b"],
        ["1..1", "  ok 1 a"],
        ["kunit: disabled"],
        ["memphys_kunit: module license 'GPL' taints kernel."],
    ],
    ids=str,
)
def test_log_without_a_proper_result_is_no_pass(lines):
    report = parse(lines)
    assert not report.passed
    assert report.problems or any(t.status is Status.BROKEN for t in report.tests)
