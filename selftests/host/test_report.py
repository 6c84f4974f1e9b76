"""Reports: what a person sees of an outcome."""

from mmapkit.grammar import parse_program
from mmapkit.report.text import explain
from mmapkit.verdict import Errno, Finding, NotReached, Ok, Outcome, Value, Verdict

PROGRAM = ("open f0 /dev/fault rdonly", "load m0+0x5000 4", "close f0")
LOOP = Outcome(
    (Ok(), NotReached(), NotReached()),
    Verdict.RETRY_LOOP,
    1,
    evidence=(("faults", "12345"), ("wchan", "0")),
    program=PROGRAM,
    notes=("machine 1: 6.1", "let arena 0x6400000"),
)
DUE = Outcome((Ok(), Value(1), Ok()))


def test_first_line_says_what_and_where():
    assert explain(LOOP, DUE)[0] == (
        "verdict retry-loop at operation 1: load m0+0x5000 4 (expected: ok)"
    )


def test_program_in_a_report_is_a_program_again():
    lines = [line.removeprefix(">") for line in explain(LOOP, DUE)]
    begin = lines.index("# machine 1: 6.1")
    end = lines.index("evidence:")
    assert parse_program("\n".join(lines[begin:end])) == parse_program(
        "\n".join(PROGRAM)
    )


def test_result_that_differs_is_marked_with_what_was_due():
    wrong = Outcome((Ok(), Errno("EIO"), Ok()), program=PROGRAM)
    marked = [line for line in explain(wrong, DUE) if line.startswith(">")]
    assert marked == ["> load m0+0x5000 4          => EIO   # expected: ok 0x1"]


def test_evidence_is_shown():
    assert "    faults 12345" in explain(LOOP, DUE)


def test_kernel_report_is_shown_and_cut():
    finding = Finding("oops", "BUG: x", ("BUG: x", *map(str, range(100))), 1, 1)
    lines = explain(
        Outcome((Ok(),) * 3, Verdict.PANIC, 1, findings=(finding,), program=PROGRAM),
        DUE,
    )
    assert "kernel log, oops: BUG: x" in lines
    assert "    ... 60 more lines" in lines


def test_place_that_is_not_known_is_told_so():
    lost = Outcome((NotReached(),) * 3, Verdict.LOST, program=PROGRAM)
    assert explain(lost, DUE)[0] == "verdict lost, no operation known (expected: ok)"
    late = Outcome((Ok(),) * 3, Verdict.HANG, 3, program=PROGRAM)
    assert "when the processes exited" in explain(late, DUE)[0]
