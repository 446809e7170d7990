"""The commands beside a running instance: each does its work through the same database, and speaks JSON when asked."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.instance import Instance, call

pytestmark = pytest.mark.timeout(600)
PRICES = (
    "code;name;unit;unit_price\n" + "".join(f"ZX-{n};Article {n};U;{n},50\n" for n in range(1, 6)) + "ZX-9;;U;abc\n"
)
SCHEMA = {
    "columns": [{"name": "code", "type": "string(20)", "unique": True}, {"name": "price", "type": "decimal(8,2)"}]
}


AGENT = {"name": "Pose", "slug": "pose", "system_prompt": "Réponds d’après les notices."}


@pytest.fixture(scope="module")
def instance(shared_home_path: Path) -> Iterator[Instance]:
    """One that runs, with an agent that answers from documents."""
    settings = {"admin_email": "ada@x.example", "admin_password": "correct horse battery"}
    with Instance(shared_home_path, **settings) as running:
        made = call("token", "create", "--email", settings["admin_email"], "--name", "t", "--home", running.home)
        headers = {"Authorization": f"Bearer {made.stdout.strip()}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{running.url}/api/v1/agents", json.dumps(AGENT).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 201
        yield running


def said(instance: Instance, *words: str | Path) -> Any:
    """What a command prints with ``--json``."""
    done = call(*words, "--json", "--home", instance.home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_file_of_prices_is_tried_brought_and_brought_again(instance: Instance, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(PRICES)
    tried = said(instance, "import", "csv", file, "--dry-run")
    assert (tried["total"], tried["inserted"], tried["failed"]) == (6, 5, 1)
    first = said(instance, "import", "csv", file)
    assert (first["inserted"], first["failed"]) == (5, 1)
    again = said(instance, "import", "csv", file)
    assert (again["unchanged"], again["inserted"], again["updated"]) == (5, 0, 0)


def test_a_table_of_ones_own_is_made_and_filled(instance: Instance, tmp_path: Path) -> None:
    schema, file = tmp_path / "schema.json", tmp_path / "rows.json"
    schema.write_text(json.dumps(SCHEMA))
    file.write_text(json.dumps([{"code": "a", "price": "1.50"}, {"code": "b", "price": "2"}]))
    made = said(instance, "dynamic-table", "create", "tarifs", "--schema", schema)
    assert made["name"] == "tarifs"
    assert said(instance, "import", "json", file, "--table", "tarifs")["inserted"] == 2
    twice = call("dynamic-table", "create", "tarifs", "--schema", schema, "--json", "--home", instance.home)
    assert twice.returncode != 0 and "tarifs" in twice.stderr and "Traceback" not in twice.stderr


def test_documents_come_in_and_a_bad_one_is_named(instance: Instance, tmp_path: Path) -> None:
    good, bad = tmp_path / "pose.md", tmp_path / "vide.pdf"
    good.write_text("# Pose\n\nUn rail tous les soixante centimètres.")
    bad.write_bytes(b"%PDF-nothing")
    (one,) = said(instance, "documents", "import", good, "--agent", AGENT["slug"])
    assert one == {"file": str(good), "status": "ready", "duplicate": False, "error": None}
    (again,) = said(instance, "documents", "import", good, "--agent", AGENT["slug"])
    assert again["duplicate"]
    refused = call("documents", "import", bad, "--agent", AGENT["slug"], "--json", "--home", instance.home)
    assert refused.returncode == 1 and "vide.pdf" in json.loads(refused.stdout)[0]["error"]


def test_collections_are_counted_and_one_is_built_anew(instance: Instance) -> None:
    built = said(instance, "agent", "reindex", AGENT["slug"])
    assert built["agent"] == AGENT["slug"] and built["generation"] >= 2
    counted = {each["collection"]: each for each in said(instance, "index", "stats")}
    assert counted["agent_pose"]["points"] == 1 and counted["agent_pose"]["failures"] == []
    assert {each["collection"] for each in said(instance, "qdrant", "stats")} == counted.keys()


def test_old_logs_are_counted_before_they_go(instance: Instance) -> None:
    counted = said(instance, "logs", "purge", "--days", "90", "--dry-run")
    assert counted["dry_run"] and counted["removed"].keys() == {"webhook_logs", "application_logs", "jobs"}
    assert said(instance, "logs", "purge", "--days", "90")["removed"] == counted["removed"]
