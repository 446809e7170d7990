"""Indexing on a real instance while its worker and its PostgreSQL are killed: nothing doubled, nothing lost."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.fakes.ollama import Ollama
from tests.stack.instance import SECONDS, Instance, call

pytestmark = pytest.mark.timeout(600)

# Each trigger lasts long enough for a kill the first time that it fires.
SLOW = (
    "CREATE SEQUENCE swaps",
    "CREATE SEQUENCE switches",
    """
    CREATE FUNCTION slow_first() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF nextval(TG_ARGV[0]::regclass) = 1 THEN PERFORM pg_sleep(120); END IF;
        RETURN new;
    END $$
    """,
    "CREATE TRIGGER slow BEFORE UPDATE OF alias ON vector_tables"
    " FOR EACH ROW WHEN (new.alias IS NOT NULL) EXECUTE FUNCTION slow_first('swaps')",
    "CREATE TRIGGER slow BEFORE UPDATE OF state ON index_collections"
    " FOR EACH ROW WHEN (new.state = 'active') EXECUTE FUNCTION slow_first('switches')",
)
REINDEX = """
INSERT INTO jobs (tenant_id, name, args, max_attempts, dedup_key)
VALUES (1, 'index.reindex', '{"collection": "agent_btp_ouvrages"}', 20, 'agent_btp_ouvrages')
"""
SLEEPER = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
STORED = "SELECT count(*) FROM index_entries WHERE indexed_hash = content_hash AND NOT is_stale"
WAITS = """
SELECT NOT EXISTS (SELECT FROM index_entries e
                   LEFT JOIN index_collections c ON c.id = e.indexed_in AND c.state = 'active'
                   WHERE e.is_stale OR e.deleted_at IS NOT NULL OR e.indexed_hash IS DISTINCT FROM e.content_hash
                      OR c.id IS NULL)
"""


class Watched:
    """The instance and a superuser's look at its index."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.owner_url = instance.status()["services"]["postgres"]["owner_url"]
        made = call("token", "create", "--home", instance.home, "--email", "admin@localhost", "--name", "t", "--json")
        self.marked = self.ask("SELECT count(*) FROM index_entries")
        self.token = json.loads(made.stdout)["token"]

    def ask(self, statement: str) -> Any:
        """The first column of the first row; None where there is none."""
        with psycopg.connect(self.owner_url, autocommit=True) as owner:
            done = owner.execute(statement)  # type: ignore[arg-type]
            row = done.fetchone() if done.description else None
            return row[0] if row else None

    def until(self, statement: str, seconds: float = SECONDS) -> None:
        """Waits until *statement* is true; PostgreSQL may be away meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.ask(statement):
                    return
            except psycopg.OperationalError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"never became true: {statement}")

    def kill(self, name: str) -> None:
        """kill -9 of a part and of what it started; the supervisor starts it again."""
        before = self.instance.status()["processes"][name]
        psutil.Process(before).kill()
        end = time.monotonic() + SECONDS
        while self.instance.status()["processes"].get(name) in (None, before):
            assert time.monotonic() < end, f"{name} did not come back"
            time.sleep(0.1)

    def search(self) -> dict[str, Any]:
        """What an agent's search answers."""
        request = urllib.request.Request(
            f"{self.instance.url}/api/v1/agents/expert-btp/search?q=cloison+en+plaques",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


class Leisurely(Ollama):
    """Takes half a second for a batch: long enough to be killed meanwhile, whatever else the machine does."""

    async def _embed(self, request: Request) -> Response:
        await asyncio.sleep(0.5)
        return await super()._embed(request)


@contextmanager
def embedding() -> Iterator[str]:
    """Serves vectors from a thread of its own; the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    serving = Leisurely(dimensions=768).serve()
    try:
        yield asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


@pytest.fixture(scope="module")
def watched(shared_home_path: Path) -> Iterator[Watched]:
    with embedding() as url:
        settings = {"embedder": "ollama:embeddinggemma", "embedder_url": url, "job_lease_seconds": "3"}
        with Instance(shared_home_path, "--demo", **settings) as instance:
            yield Watched(instance)


def test_killed_in_the_middle_of_indexing(watched: Watched) -> None:
    """The worker, then PostgreSQL, then both at once, each while vectors are being stored."""
    stored = 0
    for parts in (["worker"], ["postgres"], ["worker", "postgres"]):
        watched.until(f"SELECT ({STORED}) > {stored}")
        for part in parts:
            watched.kill(part)
        watched.until("SELECT true")
        before, stored = stored, watched.ask(STORED)
        assert stored > before  # what was stored stays stored
    whole(watched)


def test_killed_in_the_middle_of_a_swap(watched: Watched) -> None:
    """While the alias moves, then between the alias and the row that says which generation answers."""
    whole(watched)
    for statement in (*SLOW, REINDEX):
        watched.ask(statement)
    for _ in ("swap", "switch"):
        watched.until(f"SELECT EXISTS ({SLEEPER})")
        sleeper = watched.ask(SLEEPER)
        assert answers(watched)
        watched.kill("worker")
        assert answers(watched)
        watched.ask(f"SELECT pg_terminate_backend({sleeper}, 5000)")
    watched.until("SELECT status = 'done' FROM jobs WHERE name = 'index.reindex'")
    assert answers(watched)
    whole(watched)
    assert (
        watched.ask("SELECT generation FROM index_collections WHERE name = 'agent_btp_ouvrages' AND state = 'active'")
        == 2
    )


def answers(watched: Watched) -> bool:
    """Whether a question finds its records by meaning too, nothing degraded."""
    found = watched.search()
    return found["degraded"] is None and any(hit["vector_rank"] for hit in found["items"])


def whole(watched: Watched) -> None:
    """Every record has one entry, its words once, and one vector in the generation that answers, and no other."""
    watched.until(WAITS, 500)
    watched.until("SELECT NOT EXISTS (SELECT FROM jobs WHERE name LIKE 'index.%' AND status = 'running')")
    assert watched.ask("SELECT count(*) FROM index_entries") == watched.marked
    records = watched.ask("SELECT count(*) FROM index_entries WHERE kind = 'ouvrage'")
    assert watched.ask(
        "SELECT count(DISTINCT id) = count(*) AND count(*) = sum((words IS NOT NULL)::int) FROM index_entries"
    )
    counted = "SELECT sum(entries)::bigint FROM index_corpora"
    assert watched.ask(counted) == watched.ask("SELECT count(*) FROM index_entries")
    assert watched.ask(
        "SELECT NOT EXISTS (SELECT FROM index_terms t WHERE t.entries <>"
        " (SELECT count(*) FROM index_postings p WHERE p.term_id = t.id))"
    )
    for collection in ("agent_btp_ouvrages", "agent_support_docs"):
        table = watched.ask(f"SELECT 'vectors.t' || id FROM vector_tables WHERE alias = '{collection}'")
        own = f"SELECT id FROM index_entries WHERE collection = '{collection}'"
        assert watched.ask(f"SELECT count(*) FROM {table}") == watched.ask(f"SELECT count(*) FROM ({own}) e")
        assert watched.ask(f"SELECT NOT EXISTS (SELECT id FROM {table} EXCEPT {own})")
    assert watched.ask("SELECT count(*) FROM vector_tables") == 2
    assert watched.ask("SELECT count(*) FROM index_collections WHERE state = 'active'") == 2
    assert watched.ask("SELECT count(*) FROM ouvrages WHERE is_indexed AND qdrant_point_id IS NOT NULL") == records
