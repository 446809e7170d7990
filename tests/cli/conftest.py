"""Commands in this process, against a migrated database, with an embedder that costs nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from countersign.cli import app as countersign
from countersign.index import generations, indexer
from countersign.providers import embedders
from countersign.providers.profiles import Profile
from tests.cluster import Clone


class Flat:
    """An embedder for which all texts are alike."""

    id, dimensions, profile = "fake:flat", 8, Profile()

    async def query(self, text: str, *, caller: Any = None) -> Any:
        return np.ones(8, np.float32) / 8**0.5

    async def passages(self, texts: Any, *, caller: Any = None) -> Any:
        return np.ones((len(texts), 8), np.float32) / 8**0.5


@pytest.fixture
def cli(database: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """Calls a command against a migrated database."""
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database.url)
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path))

    async def flat(_: Any) -> Flat:
        return Flat()

    for module in (embedders, indexer, generations):
        if hasattr(module, "embedder"):
            monkeypatch.setattr(module, "embedder", flat)

    def call(*words: object) -> Result:
        return CliRunner().invoke(countersign, [str(word) for word in words])

    return call
