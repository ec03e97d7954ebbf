from __future__ import annotations

import pytest

from tests.unit.intake.walking import Model


@pytest.fixture
def model(workspace):
    return Model(workspace)
