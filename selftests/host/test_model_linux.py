"""The model agrees with Linux about memory of the kernel's own, where no driver is.

Anonymous memory, memfd and /dev/zero, private and shared, on the kernel that these
tests run on. What the model gets wrong here it would blame a driver for.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, reject, settings

from mmapkit.agent import Mode
from mmapkit.errors import ModelError
from mmapkit.machine.local import LocalMachine
from mmapkit.model import Model
from mmapkit.strategies.surgery import surgery
from mmapkit.target import Target, Traits
from mmapkit.targets.memphys import advices, moves_many
from mmapkit.text import format_program

KEEP = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
def machine(agent_file):
    machine = LocalMachine(agent_file, None, 0)
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def model(machine):
    traits = Traits(moves_many=moves_many(machine), advices=advices(machine))
    return Model(Target((), (), 0, traits))


@given(program=surgery(()))
@settings(max_examples=2000, suppress_health_check=KEEP, deadline=None)
def test_model_agrees_with_linux_where_no_driver_is(machine, model, program):
    try:
        expectation = model.expect(program)
    except ModelError:
        reject()
    outcome = machine.run(program, Mode.KEEP)
    due, *_ = expectation.nearest(outcome.results)
    lines = tuple(format_program(program).splitlines())
    assert replace(outcome, program=lines) == due
