"""The job: killed, cancelled, given up, undone. Nothing is half done, nothing is doubled, no import seems to go on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from countersign.kernel import jobs
from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.knowledge.imports import files, service
from countersign.knowledge.imports.models import Import, NoSuchImport, NotRunning, NotUndoable
from countersign.knowledge.ouvrages.service import prices as prices_of
from tests.conftest import Tenants
from tests.knowledge.imports.bringing import bring, counts, undone

MANY = 60_000
Owner = psycopg.AsyncConnection[Any]


def prices(path: Path, rows: int, first: str = "10") -> Path:
    lines = (f"LOT-{n:06};Plaque numéro {n};fourniture;m²;{n % 900 + 1},50" for n in range(1, rows))
    path.write_text("\n".join(["code;nom;type;unité;prix", f"LOT-000000;Première;fourniture;m²;{first}", *lines]))
    return path


async def one(house: App, import_id: int, caller: Caller | None = None) -> Import:
    async with house.db.transaction(caller or system(), read_only=True) as tx:
        return await service.one(tx, import_id)


async def value(owner: Owner, statement: str) -> Any:
    row = await (await owner.execute(statement.encode())).fetchone()
    assert row is not None
    return row[0]


async def begun(house: App, path: Path) -> int:
    """An import that waits for a worker."""
    with path.open("rb") as content:
        file = await files.keep(house, system(), path.name, content)
    found = await files.first_rows(house, system(), file)
    async with house.db.transaction(system()) as tx:
        return await service.begin(tx, file, await service.proposed(tx, found))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"job_lease_seconds": 3.0})


# An import that has shown some rows of the phase goes no further: slow as the test may be, it finds it in the middle.
HELD = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF EXISTS (SELECT FROM held WHERE phase = old.phase) AND old.rows_done > 0 THEN PERFORM pg_sleep(300); END IF;
    RETURN new;
END $$;
CREATE TRIGGER hold BEFORE UPDATE ON import_logs FOR EACH ROW EXECUTE FUNCTION hold();
"""
LET_GO = (
    "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event = 'PgSleep'"
)


@pytest.mark.parametrize("phase", ["reading", "writing"])
async def test_a_worker_killed_in_the_middle_is_replaced_and_nothing_is_doubled(
    house: App, owner: Owner, settings: Settings, tmp_path: Path, phase: str
) -> None:
    await owner.execute("CREATE TABLE held AS SELECT %s::text AS phase", (phase,))
    await owner.execute(HELD)
    environment = {**os.environ, **settings.environment(), "COUNTERSIGN_JOB_LEASE_SECONDS": "3"}
    command = [sys.executable, "-m", "countersign.cli", "import", "csv", str(prices(tmp_path / "a.csv", MANY))]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    until = time.monotonic() + 300
    while await value(owner, f"SELECT count(*) FROM import_logs WHERE phase = '{phase}' AND rows_done > 0") == 0:
        assert process.poll() is None and time.monotonic() < until
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    await owner.execute("DELETE FROM held")
    await value(owner, LET_GO)
    left = await one(house, 1)
    assert (left.status, await value(owner, "SELECT count(*) FROM ouvrages")) == ("processing", 0)
    assert left.job_id is not None
    while not await jobs.work(house, left.job_id):
        assert time.monotonic() < until, "the lease of the dead has an end"
        await asyncio.sleep(0.3)
    after = await one(house, 1)
    assert (after.status, *counts(after)) == ("completed", MANY, MANY, 0, 0, 0)
    assert await value(owner, "SELECT count(*) FROM ouvrages") == MANY
    assert await value(owner, "SELECT count(*) FROM events WHERE name = 'import.completed'") == 1


async def test_progress_is_told_and_a_cancelled_import_leaves_nothing(house: App, owner: Owner, tmp_path: Path) -> None:
    import_id = await begun(house, prices(tmp_path / "a.csv", 4 * MANY))
    job = (await one(house, import_id)).job_id
    assert job is not None
    doing = asyncio.create_task(jobs.work(house, job))
    until = time.monotonic() + 300
    while not (seen := await one(house, import_id)).rows_per_second:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    assert seen.phase in ("reading", "comparing", "writing")
    assert seen.rows_done > 0
    assert seen.rows_expected == 4 * MANY
    assert seen.seconds_left is not None
    async with house.db.transaction(system()) as tx:
        await service.cancel(tx, import_id)
    await doing
    assert (await one(house, import_id)).status == "cancelled"
    assert await value(owner, "SELECT count(*) FROM ouvrages") == 0
    with pytest.raises(NotRunning):
        async with house.db.transaction(system()) as tx:
            await service.cancel(tx, import_id)


async def test_a_job_that_is_given_up_ends_its_import(house: App, owner: Owner, tmp_path: Path) -> None:
    import_id = await begun(house, prices(tmp_path / "a.csv", 3))
    await owner.execute("UPDATE import_logs SET status = 'processing'")
    await owner.execute(
        "UPDATE jobs SET status = 'running', attempts = max_attempts, lease_until = now() - interval '1 hour' WHERE name = 'imports.run'"
    )
    await jobs.sweep(house)
    given_up = await one(house, import_id)
    assert given_up.status == "failed"
    assert "silent" in (given_up.first_error or "")
    told = "SELECT count(*) FROM events WHERE name = 'import.failed' AND data ->> 'error' LIKE '%silent%'"
    assert await value(owner, told) == 0
    await jobs.work(house, await value(owner, "SELECT id FROM jobs WHERE name = 'imports.failed'"))
    assert await value(owner, told) == 1


async def test_undo_restores_what_was_changed_and_takes_back_what_was_added(
    house: App, owner: Owner, tmp_path: Path, caller: Callable[..., Caller]
) -> None:
    await bring(house, prices(tmp_path / "a.csv", 3))
    second = await bring(house, prices(tmp_path / "a.csv", 5, first="12,25"))
    assert counts(second) == (5, 2, 1, 2, 0)
    taken = await undone(house, second.id, caller())
    assert (taken.status, taken.rows_done, taken.rows_expected, taken.phase) == ("undone", 3, 3, None)
    found = await owner.execute(
        "SELECT code, unit_price::text, import_id FROM ouvrages WHERE deleted_at IS NULL ORDER BY code"
    )
    assert await found.fetchall() == [
        ("LOT-000000", "10.0000", "1"),
        ("LOT-000001", "2.5000", "1"),
        ("LOT-000002", "3.5000", "1"),
    ]
    with pytest.raises(NotUndoable):
        async with house.db.transaction(caller()) as tx:
            await service.undo(tx, second.id)
    again = await bring(house, tmp_path / "a.csv")
    assert counts(again) == (5, 2, 1, 2, 0)


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE ouvrages SET unit_price = 99 WHERE code = 'LOT-000001'",
        "UPDATE ouvrages SET deleted_at = now() WHERE code = 'LOT-000002'",
        "INSERT INTO ouvrage_components (tenant_id, parent_id, component_id)"
        " SELECT 1, a.id, b.id FROM ouvrages a, ouvrages b WHERE a.code = 'KEPT' AND b.code = 'LOT-000001'",
    ],
)
async def test_undo_is_refused_when_a_row_was_edited_or_used_since(
    house: App, owner: Owner, tmp_path: Path, edit: str
) -> None:
    (tmp_path / "kept.csv").write_text("code,nom,unit\nKEPT,Ouvrage,u\n")
    await bring(house, tmp_path / "kept.csv")
    done = await bring(house, prices(tmp_path / "a.csv", 3))
    await owner.execute(edit.encode())
    kept = await undone(house, done.id)
    assert kept.status == "completed" and kept.report is not None and kept.report["kept"] == 1
    assert await value(owner, "SELECT count(*) FROM ouvrages WHERE deleted_at IS NOT NULL") <= 1


async def test_a_later_import_that_was_undone_does_not_hold_an_earlier_one(
    house: App, owner: Owner, tmp_path: Path
) -> None:
    first = await bring(house, prices(tmp_path / "a.csv", 3))
    second = await bring(house, prices(tmp_path / "a.csv", 3, first="12,25"))
    third = await bring(house, prices(tmp_path / "a.csv", 3, first="13,25"))
    assert (await undone(house, second.id)).status == "completed", "the third stands"
    for each in (third, second, first):
        assert (await undone(house, each.id)).status == "undone"
    assert await value(owner, "SELECT count(*) FROM ouvrages WHERE deleted_at IS NULL") == 0
    found = await owner.execute("SELECT id FROM ouvrages WHERE code = 'LOT-000000'")
    async with house.db.transaction(system()) as tx:
        told = [each.source for each in await prices_of(tx, (await found.fetchone())[0])]  # pyright: ignore[reportOptionalSubscript]
    assert told == ["undo", "undo", "import", "import"]


async def test_an_undoing_that_is_given_up_leaves_the_import_as_it_was(
    house: App, owner: Owner, tmp_path: Path
) -> None:
    done = await bring(house, prices(tmp_path / "a.csv", 3))
    async with house.db.transaction(system()) as tx:
        await service.undo(tx, done.id)
        with pytest.raises(NotUndoable, match="already"):
            await service.undo(tx, done.id)
    await owner.execute(
        "UPDATE jobs SET status = 'running', attempts = max_attempts, lease_until = now() - interval '1 hour'"
        " WHERE name = 'imports.undo'"
    )
    await jobs.sweep(house)
    left = await one(house, done.id)
    assert left.status == "completed" and left.undoable and left.report and "silent" in left.report["undo_error"]
    assert (await undone(house, done.id)).status == "undone"


async def test_what_is_imported_is_marked_for_the_index_and_what_is_undone_is_forgotten(
    house: App, owner: Owner, tmp_path: Path
) -> None:
    await owner.execute(
        "INSERT INTO agents (tenant_id, name, slug, system_prompt, retrieval_mode, qdrant_collection, hydration_config)"
        " VALUES (1, 'A', 'a', 'x', 'SQL_HYDRATION', 'prices', '{\"table\": \"ouvrages\"}')"
    )
    done = await bring(house, prices(tmp_path / "a.csv", 4))
    waiting = "SELECT count(*) FROM index_entries WHERE collection = 'prices' AND is_stale AND deleted_at IS NULL"
    assert await value(owner, waiting) == 4
    assert await value(owner, "SELECT count(*) FROM jobs WHERE name = 'index.run' AND status = 'queued'") == 1
    await undone(house, done.id)
    assert await value(owner, waiting) == 0


async def test_another_organisation_sees_neither_file_nor_import(house: App, tenants: Tenants, tmp_path: Path) -> None:
    done = await bring(house, prices(tmp_path / "a.csv", 3), caller=tenants.a.caller)
    async with house.db.transaction(tenants.b.caller) as tx:
        assert await service.imports(tx) == []
        assert await service.refused(tx, done.id) == []
        for verb in (service.one, service.cancel, service.undo):
            with pytest.raises(NoSuchImport):
                await verb(tx, done.id)
        with pytest.raises(NoSuchImport):
            await files.by_id(tx, done.file_id or 0)


async def test_a_mapping_is_proposed_for_files_with_the_same_columns(house: App, tmp_path: Path) -> None:
    mine = {"columns": {"code": {"from": "nom"}, "name": {"from": "code"}, "unit": {"from": "unité"}}}
    done = await bring(house, prices(tmp_path / "a.csv", 3), mapping=mine)
    async with house.db.transaction(system()) as tx:
        file = await files.by_id(tx, done.file_id or 0)
    found = await files.first_rows(house, system(), file)
    async with house.db.transaction(system()) as tx:
        last = await service.proposed(tx, found)
        assert last.columns["code"].source == "nom"
        await service.save_mapping(tx, "À l’endroit", service.guess(found.names), file.names)
        saved = await service.proposed(tx, found)
        assert saved.columns["code"].source == "code"
        await service.drop_mapping(tx, "À l’endroit")
        assert await service.mappings(tx) == []
