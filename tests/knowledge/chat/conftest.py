"""The chat's tests run on the demonstration."""

from __future__ import annotations

import pytest

from tests.cluster import Clone


@pytest.fixture
def database(demonstration: Clone) -> Clone:
    """The test's database holds the demonstration."""
    return demonstration
