"""``countersign import`` as a program calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from countersign.cli import app as countersign
from tests.cluster import Clone


def test_a_file_is_brought_and_a_bad_one_ends_with_an_error(
    database: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database.url)
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path))
    (tmp_path / "a.csv").write_text("code;nom;unité;prix\nA;Vis;u;1,5\n")
    dry = CliRunner().invoke(countersign, ["import", "csv", str(tmp_path / "a.csv"), "--dry-run", "--json"])
    assert (json.loads(dry.stdout)["id"], json.loads(dry.stdout)["inserted"]) == (1, 1), dry.output
    real = CliRunner().invoke(countersign, ["import", "csv", str(tmp_path / "a.csv"), "--json"])
    assert (json.loads(real.stdout)["id"], json.loads(real.stdout)["inserted"]) == (2, 1)
    assert CliRunner().invoke(countersign, ["import", "excel", str(tmp_path / "a.csv")]).exit_code == 1
