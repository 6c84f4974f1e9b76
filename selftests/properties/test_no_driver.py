"""All programs about memory of the kernel's own, where no driver is in play.

What the model gets wrong about anonymous memory, memfd and /dev/zero it would blame a
driver for. host/test_model_linux.py has the same for the kernel that pytest runs on.
"""

import pytest
from hypothesis import given, settings

from mmapkit.strategies.surgery import surgery

FULL = settings.default.max_examples


@given(program=surgery(()))
@settings(max_examples=FULL // 4)
def test_memory_of_nobody_follows_the_model(lab, follow, subjects, program):
    if subjects:
        pytest.skip("says nothing of what is in question")
    follow(lab, program)
