"""The cases of selftests/cases: what is written there, by three ways.

Through the kit, against what stands in the file and against the model; and by the
agent alone, which is how somebody without Python runs them.
"""

import pytest

from mmapkit.case import read_case
from mmapkit.ktap import Status, parse
from mmapkit.plugin_subjects import subjects_of
from mmapkit.setup import SUITE
from mmapkit.targets.memphys import NODES

FILES = sorted((SUITE / "cases").glob("*.case"))
CASES = [read_case(path) for path in FILES]
WINDOWS = {node.path for node in NODES}

# (case, node); those without a node have "".
TESTS = [(case, node) for case in CASES for node in case.nodes or ("",)]


def name_of(case, node):
    return f"{case.name} {node.removeprefix('/dev/memphys/')}".strip()


IDS = [name_of(case, node) for case, node in TESTS]


def pytest_generate_tests(metafunc):
    if "case" not in metafunc.fixturenames or "place" not in metafunc.fixturenames:
        return
    tests = TESTS
    if subjects := subjects_of(metafunc.config):
        tests = [
            (case, place)
            for subject in subjects
            for case, node in TESTS
            if node and (place := subject.stands_for(node))
        ]
    ids = [name_of(case, place) for case, place in tests]
    metafunc.parametrize(("case", "place"), tests, ids=ids)


def test_case_comes_to_what_is_written(request, subjects, case, place):
    """Each case has its rule, and where it comes from, in its file.

    Guards: A3, A5, A6, A14, B8, C5, C6, D1, D2, D7, E3, E6.
    """
    # Regions are on a machine of their own.
    windows = WINDOWS | {subject.path for subject in subjects if subject.window}
    needs_region = place and place not in windows
    lab = request.getfixturevalue("regions" if needs_region else "lab")
    outcome = lab.run(case.on(place))
    assert case.differences(outcome) == []
    assert outcome == outcome.due


@pytest.fixture(scope="module")
def told(lab):
    """What the agent alone says of all cases, by the name of the test."""
    report = parse(lab.machine.replay(FILES))
    assert report.problems == ()
    return {test.name: test for test in report.tests}


@pytest.mark.parametrize(("case", "path"), TESTS, ids=IDS)
def test_agent_alone_says_the_same(told, case, path):
    """A machine without Python comes to the same of each case: programs.rst.

    Guards: none, the agent is asked.
    """
    test = told[name_of(case, path)]
    if path and path not in WINDOWS:
        assert test.status is Status.SKIPPED
        assert test.reason == f"no {path}"
    else:
        assert test.status is Status.PASSED, "\n".join(test.explain())


def test_agent_alone_runs_every_case(told):
    """No case is left out, and none comes twice.

    Guards: none, the agent is asked.
    """
    assert list(told) == IDS
