"""Dispatch is tested on the demonstration, with the embedder that is shipped."""

from __future__ import annotations

import pytest

from tests.cluster import Clone
from tests.providers.conftest import e5  # noqa: F401  # pyright: ignore[reportUnusedImport]  a fixture


@pytest.fixture
def database(demonstration: Clone) -> Clone:
    """The test's database holds the demonstration."""
    return demonstration
