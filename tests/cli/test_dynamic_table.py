"""``countersign dynamic-table``: the result on standard output, what is wrong in one line."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from countersign.cli import app
from countersign.kernel.settings import Settings
from tests.cluster import Clone

DEFINITION = {
    "columns": [{"name": "code", "type": "string(50)", "unique": True}, {"name": "price", "type": "decimal(10,2)"}]
}


@pytest.fixture
def create(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """``create("products", text)``: the command on the test's database, with a schema file that holds *text*."""
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def command(name: str, text: str, *more: str) -> Result:
        schema = tmp_path / "schema.json"
        schema.write_text(text)
        return CliRunner().invoke(app, ["dynamic-table", "create", name, "--schema", str(schema), *more])

    return command


def test_a_table_is_created_and_told_as_json(create, database: Clone) -> None:
    done = create("products", json.dumps(DEFINITION), "--json", "--template", "{{code}}")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [column["name"] for column in told["schema_definition"]["columns"]] == ["code", "price"]
    with psycopg.connect(database.owner_url) as connection:
        found = connection.execute("SELECT name, embedding_template FROM dynamic_tables").fetchall()
        assert found == [("products", "{{code}}")]
    again = create("products", json.dumps(DEFINITION))
    assert again.exit_code == 1
    assert "already" in again.stderr and not again.stdout


@pytest.mark.parametrize(("name", "text"), [("products", "{no json"), ("select", json.dumps(DEFINITION)), ("t", "[]")])
def test_what_is_impossible_is_one_line_and_exit_code_1(create, name: str, text: str) -> None:
    done = create(name, text)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1
