"""Cases as text: what is in one, what is malformed, what stands in the tree."""

import pytest

from expected import expected, results_on
from mmapkit.case import format_case, parse_case, read_case
from mmapkit.errors import MmapkitError, ProgramError
from mmapkit.setup import ROOT
from mmapkit.verdict import Digested, Errno, NotReached, Ok, Outcome, Value, Verdict

FILES = sorted((ROOT / "selftests" / "cases").glob("*.case"))

TEXT = """\
# A rule.
# source: a page
# nodes: remap /dev/other

open f0 {node} rdwr   => ok   # a comment
pread f0 off=0 len=0x1000 => ok 4096 #2a96e5a8 | EINVAL # and another
together
  close f0 =>ok|EBADF
end
"""

# Text, and the place of what is wrong with it.
MALFORMED = {
    "no result": ("close f0\n", 1, 9),
    "a comment for a result": ("close f0 # ok\n", 1, 10),
    "nothing behind the arrow": ("close f0 =>\n", 1, 12),
    "a comment behind the arrow": ("close f0 =>  # ok\n", 1, 14),
    "nothing behind the bar": ("close f0 => ok | \n", 1, 18),
    "nothing between bars": ("close f0 => ok |  | EBADF\n", 1, 19),
    "a word for a result": ("close f0 => ok\nclose f0 => OK\n", 2, 13),
    "a second bad result": ("close f0 => ok | good\n", 1, 18),
    "a number with a zero in front": ("close f0 => ok 0x01\n", 1, 13),
    "a decimal number": ("close f0 => ok 1\n", 1, 13),
    "an upper-case number": ("close f0 => ok 0xA\n", 1, 13),
    "half a byte": ("close f0 => ok =abc\n", 1, 13),
    "a short digest": ("close f0 => ok 1 #abc\n", 1, 13),
    "a place without a sign": ("close f0 => SIGBUS m0 ADRERR\n", 1, 13),
    "words without a bracket": ("close f0 => ok [a b\n", 1, 13),
    "two blanks between words": ("close f0 => ok [a  b]\n", 1, 13),
    "a comment without a blank": ("close f0 => ok #x\n", 1, 13),
    "a result without an operation": ("close f0 => ok\n=> ok\n", 2, 1),
    "a result of a block": ("together => ok\nclose f0 => ok\nend\n", 1, 10),
    "a bad operation": ("# a\nclosed f0 => ok\n", 2, 1),
    "an open block": ("together\nclose f0 => ok\n", 1, 1),
    "no operation": ("# nothing\n", 2, 1),
    "nothing at all": ("", 1, 1),
    "a path of no root": ("open f0 node rdwr => ok\n", 1, 1),
    "no nodes": ("close f0 => ok\nopen f0 {node} rdwr => ok\n", 2, 1),
    "nodes too late": ("open f0 {node} rdwr => ok\n# nodes: remap\n", 1, 1),
    "nodes without a name": ("# nodes:\nopen f0 {node} rdwr => ok\n", 1, 9),
    "nodes twice": ("# nodes: a\n# nodes: b\nopen f0 {node} rdwr => ok\n", 2, 1),
    "nodes for nothing": ("# a\n# nodes: a\nclose f0 => ok\n", 2, 1),
}


def test_case_has_all_that_its_text_says():
    case = parse_case("name", TEXT)
    assert case.head == "A rule.\nsource: a page"
    assert case.nodes == ("/dev/memphys/remap", "/dev/other")
    assert [claim.line for claim in case.claims] == [5, 6, 8]
    assert case.claims[1].text == "pread f0 off=0 len=0x1000"
    assert [claim.due for claim in case.claims] == [
        (Ok(),),
        (Digested(4096, 0x2A96E5A8), Errno("EINVAL")),
        (Ok(), Errno("EBADF")),
    ]
    assert case.program.blocks == ((2, 3),)


def test_case_runs_on_the_node_that_is_asked_for():
    case = parse_case("name", TEXT)
    assert case.on("/dev/other")[0].path == "/dev/other"


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_case_is_refused_with_its_place(what):
    text, *place = MALFORMED[what]
    with pytest.raises(ProgramError) as caught:
        parse_case("name", text)
    assert [caught.value.line, caught.value.column] == place


def test_differences_name_the_line():
    case = parse_case("name", "# a\nclose f0 => ok | EBADF\nclose f1 => ok\n")
    assert case.differences(Outcome((Errno("EBADF"), Ok()))) == []
    assert case.differences(Outcome((Ok(), NotReached()), Verdict.HANG, 1)) == [
        "name:3: close f1: due ok, came none",
        "name: verdict hang",
    ]


def test_results_are_written_behind_operations():
    text = "# a\ntogether\n  close f0 => ok # b\nend\nload m0 4\n"
    written = format_case(text, [[Ok(), Errno("EBADF")], [Value(10)]])
    assert written == (
        "# a\ntogether\n  close f0 => ok | EBADF\nend\nload m0 4  => ok 0xa\n"
    )
    parse_case("name", written)


def test_one_case_for_nodes_that_differ_is_refused():
    text = (
        "# nodes: remap fault-page-pages\nopen f0 {node} rdwr\n"
        "mmap m0 f0 off=0 len=0x1000 prot=r flags=shared\nmadvise m0 dontneed\n"
    )
    with pytest.raises(MmapkitError, match="madvise differs on /dev/memphys/remap"):
        expected(text)


# ------------------------------------------------------------ those in the tree


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_results_of_a_case_are_what_the_model_expects(path):
    """On every kernel that the model knows, and nothing beside."""
    case = read_case(path)
    for node in case.nodes or ("",):
        found = [set(results) for results in results_on(case.program, node)]
        assert [set(claim.due) for claim in case.claims] == found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_case_says_its_rule_and_where_that_comes_from(path):
    licence, rule, *rest = read_case(path).head.splitlines()
    assert licence == "SPDX-License-Identifier: GPL-2.0-only"
    assert rule
    assert [line for line in rest if line.startswith("source: ")] == [rest[-1]]


def test_there_are_cases():
    assert len(FILES) >= 40
