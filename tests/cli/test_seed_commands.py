"""Every command of the specification exists, explains itself, and speaks to people and to programs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from countersign.cli import app as countersign
from countersign.kernel.access import system
from countersign.kernel.database import Database
from tests.cluster import Clone

# What the seed calls it, and ours with the options that are promised.
COMMANDS = {
    "qdrant:init": ("qdrant init", ()),
    "(alias)": ("index init", ()),
    "ouvrages:index": ("ouvrages index", ("--chunk", "--force", "--type")),
    "agent:reindex": ("agent reindex", ()),
    "dynamic-table:create": ("dynamic-table create", ("--schema",)),
    "import:csv": ("import csv", ("--table", "--mapping", "--dry-run")),
    "import:json": ("import json", ("--table",)),
    "(excel)": ("import excel", ("--table",)),
    "(documents)": ("documents import", ("--agent",)),
    "logs:purge": ("logs purge", ("--days", "--dry-run")),
    "qdrant:stats": ("qdrant stats", ()),
    "(alias of stats)": ("index stats", ()),
}
ADD = """
INSERT INTO agents (name, slug, qdrant_collection, system_prompt, retrieval_mode, hydration_config)
VALUES ('BTP', 'btp', 'agent_btp_ouvrages', 'Aide.', 'SQL_HYDRATION', '{"table": "ouvrages"}')
"""
OUVRAGES = """
INSERT INTO ouvrages (code, name, type, unit, unit_price)
SELECT 'C-' || n, 'Cloison ' || n, CASE WHEN n % 2 = 0 THEN 'fourniture' ELSE 'simple' END, 'm²', n
FROM generate_series(1, 25) n
"""
OLD = """
WITH hook AS (INSERT INTO webhooks (name, url, secret) VALUES ('ERP', 'https://erp.example', 'sealed') RETURNING id),
logged AS (INSERT INTO webhook_logs (webhook_id, event, payload, status, created_at)
           SELECT hook.id, 'message.created', '{}', 'success', now() - make_interval(days => age)
           FROM hook, unnest(ARRAY[0, 1, 200, 1000]) AS age),
said AS (INSERT INTO application_logs (level, source_component, message, created_at)
         SELECT 'INFO', 't', 'm', now() - make_interval(days => age) FROM unnest(ARRAY[0, 1, 200, 1000]) AS age),
told AS (INSERT INTO audit_logs (action, auditable_type, created_at) VALUES ('create', 'x', now() - interval '200 days'))
SELECT 1
"""
JOBS = """
INSERT INTO jobs (name) SELECT 'any' FROM generate_series(1, 4)
"""
ENDED = """
UPDATE jobs SET status = CASE WHEN n.place = 4 THEN 'queued' ELSE 'cancelled' END,
       finished_at = CASE n.place WHEN 4 THEN NULL WHEN 3 THEN now() ELSE now() - interval '200 days' END
FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM jobs) n WHERE n.id = jobs.id
"""


def execute(database: Clone, *statements: str) -> list[Any]:
    """The first value of each of *statements*, in the default organisation."""

    async def work() -> list[Any]:
        async with Database(database.url) as db, db.transaction(system()) as tx:
            return [await tx.value(statement) for statement in statements]

    return asyncio.run(work())


def one(database: Clone, statement: str) -> Any:
    return execute(database, statement)[0]


@pytest.mark.parametrize("seed", COMMANDS)
def test_every_command_of_the_specification_exists(seed: str) -> None:
    name, options = COMMANDS[seed]
    shown = CliRunner().invoke(countersign, [*name.split(), "--help"])
    assert shown.exit_code == 0, shown.output
    for option in ("--json", "--home", *options):
        assert option in shown.stdout, option


def test_ouvrages_are_indexed_and_a_second_time_nothing_is_embedded(cli: Any, database: Clone) -> None:
    execute(database, ADD, OUVRAGES)
    some = cli("ouvrages", "index", "--chunk", 10, "--type", "fourniture", "--json")
    assert some.exit_code == 0, some.output
    [report] = json.loads(some.stdout)
    assert (report["collection"], report["read"], report["indexed"]) == ("agent_btp_ouvrages", 12, 12)
    assert "12 of 12 marked" in some.stderr
    [rest] = json.loads(cli("ouvrages", "index", "--json").stdout)
    assert (rest["read"], rest["indexed"]) == (25, 13)
    [again] = json.loads(cli("ouvrages", "index", "--json").stdout)
    assert (again["read"], again["indexed"], again["embedded"]) == (25, 0, 0)
    [forced] = json.loads(cli("ouvrages", "index", "--force", "--type", "simple", "--json").stdout)
    assert (forced["indexed"], forced["embedded"]) == (13, 0)
    assert one(database, "SELECT count(*) FROM ouvrages WHERE is_indexed") == 25
    assert "13 indexed" in cli("ouvrages", "index", "--force", "--type", "simple").stderr


def test_an_agent_is_reindexed_by_its_name(cli: Any, database: Clone) -> None:
    execute(database, ADD, OUVRAGES)
    assert cli("ouvrages", "index").exit_code == 0
    done = cli("agent", "reindex", "btp", "--json")
    assert done.exit_code == 0, done.output
    built = json.loads(done.stdout)
    assert (built["agent"], built["name"], built["generation"]) == ("btp", "agent_btp_ouvrages", 2)
    unknown = cli("agent", "reindex", "nobody")
    assert (unknown.exit_code, unknown.stderr.count("\n")) == (1, 1)
    assert unknown.stderr.startswith("Error: There is no agent")


def test_without_an_agent_it_says_what_to_do(cli: Any) -> None:
    done = cli("ouvrages", "index")
    assert done.exit_code == 0
    assert "No agent answers from the ouvrages yet" in done.stderr
    assert cli("ouvrages", "index", "--type", "nonsense").exit_code == 2


@pytest.mark.parametrize("months", [False, True], ids=["before any month was made", "with months"])
def test_old_logs_go_and_the_audit_trail_stays(cli: Any, database: Clone, months: bool) -> None:
    execute(database, OLD, JOBS, ENDED, *(["SELECT ensure_partitions(1)"] if months else []))
    counts = "SELECT ARRAY[(SELECT count(*) FROM webhook_logs), (SELECT count(*) FROM application_logs), (SELECT count(*) FROM jobs)]"
    dry = json.loads(cli("logs", "purge", "--days", 90, "--dry-run", "--json").stdout)
    assert dry == {"days": 90, "dry_run": True, "removed": {"webhook_logs": 2, "application_logs": 2, "jobs": 2}}
    assert one(database, counts) == [4, 4, 4]
    done = cli("logs", "purge", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["removed"] == dry["removed"]
    assert one(database, counts) == [2, 2, 2]
    assert one(database, "SELECT count(*) FROM audit_logs WHERE auditable_type = 'x'") == 1
    assert one(database, "SELECT new_values ->> 'jobs' FROM audit_logs WHERE action = 'purge'") == "2"
    assert "0 of jobs removed" in cli("logs", "purge").stderr
    # What is written now still finds its place, and history is still history.
    execute(database, OLD)
    with pytest.raises(Exception, match="history"):
        execute(database, "DELETE FROM application_logs")


def test_a_retention_of_no_days_is_refused(cli: Any) -> None:
    assert cli("logs", "purge", "--days", 0).exit_code == 2


def test_a_busy_table_is_one_line(cli: Any, database: Clone) -> None:
    execute(database, OLD, "SELECT ensure_partitions(1)")

    async def busy() -> Result:
        async with Database(database.url) as db, db.transaction(system()) as tx:
            await tx.value("SELECT count(*) FROM webhook_logs")
            return await asyncio.to_thread(cli, "logs", "purge")

    refused = asyncio.run(busy())
    assert refused.exit_code == 1
    assert "Error: A table of logs is in use" in refused.stderr
    assert cli("logs", "purge").exit_code == 0
