"""Results have a text form that is read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmapkit.verdict import (
    Data,
    Digested,
    Errno,
    Killed,
    NotReached,
    Ok,
    Outcome,
    Signal,
    Value,
    Verdict,
    Void,
    Words,
    parse_result,
)

RESULTS = st.one_of(
    st.sampled_from([Ok(), Void(), NotReached(), Killed("SIGKILL"), Errno("EINVAL")]),
    st.builds(Value, st.integers(0, (1 << 64) - 1)),
    st.builds(Data, st.binary(max_size=256)),
    st.builds(Digested, st.integers(0, 1 << 40), st.integers(0, (1 << 32) - 1)),
    st.builds(
        Words,
        st.lists(st.from_regex(r"[-0-9a-z:,=]+", fullmatch=True)).map(tuple),
    ),
    st.builds(
        Signal,
        st.sampled_from(["SIGSEGV", "SIGBUS"]),
        st.integers(0, 63),
        st.integers(-(1 << 63), 1 << 63),
        st.sampled_from(["MAPERR", "ACCERR", "ADRERR", "MCEERR_AR", "?"]),
    ),
)


@given(RESULTS)
def test_text_of_a_result_is_read_as_that_result(result):
    assert parse_result(str(result)) == result


@pytest.mark.parametrize(
    "text", ["", "okay", "ok 12", "SIGSEGV", "ok =0", "einval", "ok [A]"]
)
def test_other_text_is_no_result(text):
    with pytest.raises(ValueError, match="not a result"):
        parse_result(text)


def test_outcome_without_an_operation_is_equal_whatever_that_came_to():
    one, other = Outcome((Ok(), Value(1))), Outcome((Ok(), Value(2)))
    assert one != other
    assert one.without({1}) == other.without({1})
    assert one.without({0}) != other.without({0})


def test_outcomes_are_equal_by_results_verdict_and_place():
    one = Outcome((Ok(),), Verdict.HANG, 1, evidence=(("state", "D"),))
    assert one == Outcome((Ok(),), Verdict.HANG, 1)
    assert one != Outcome((Ok(),), Verdict.HANG, 0)
    assert one != Outcome((Ok(),), Verdict.UNKILLABLE, 1)
    assert one != Outcome((Void(),), Verdict.HANG, 1)
