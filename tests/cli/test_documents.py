"""``countersign documents import``: files, folders and arrays, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from countersign.cli import app as countersign
from countersign.kernel.access import system
from countersign.kernel.database import Database
from countersign.knowledge.agents import service as agents
from countersign.knowledge.demo import SUPPORT
from tests.cluster import Clone


@pytest.fixture
def cli(database: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Calls the command on a database where a support agent is."""
    import asyncio

    async def add() -> None:
        async with Database(database.url) as db, db.transaction(system()) as tx:
            await agents.add(tx, SUPPORT)

    asyncio.run(add())
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database.url)
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "home"))

    def call(*words: object) -> Result:
        return CliRunner().invoke(countersign, ["documents", "import", *map(str, words)])

    return call


def test_files_and_folders_are_read_once(cli: Any, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.md").write_text("Un texte.")
    (folder / "deep" / "a.md").write_text("Un autre texte.")
    (folder / "picture.png").write_bytes(b"x")
    array = tmp_path / "array.json"
    array.write_text(json.dumps([{"title": "Un", "content": "Premier."}, {"title": "Deux", "content": "Second."}]))
    done = cli(folder, array, "--agent", "support", "--json")
    assert done.exit_code == 0, done.output
    assert [(d["status"], d["duplicate"]) for d in json.loads(done.stdout)] == [("ready", False)] * 3
    again = cli(folder, array, "--agent", "support", "--json")
    assert [d["duplicate"] for d in json.loads(again.stdout)] == [True] * 3


def test_a_bad_file_is_named_and_the_others_are_read(cli: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.md", tmp_path / "bad.pdf"
    good.write_text("Un texte.")
    bad.write_bytes(b"%PDF-1.4 x")
    done = cli(bad, tmp_path / "absent.md", good, "--agent", "support")
    assert done.exit_code == 1
    assert "bad.pdf: the PDF is broken" in done.stderr
    assert "absent.md: No such file" in done.stderr
    assert "good.md: ready" in done.stderr


def test_an_unknown_agent_is_an_error(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    assert cli(tmp_path / "a.md", "--agent", "nobody").exit_code == 1
