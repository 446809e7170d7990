"""The embedded PostgreSQL: private, durable, stopped cleanly, and never in the way of its own next start."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from countersign.stack import postgres_data
from countersign.stack.errors import WrongPostgres
from countersign.stack.postgres import Postgres


@pytest.fixture(scope="module")
def postgres(shared_home_path: Path) -> Iterator[Postgres]:
    """One server for the tests that leave it running."""
    server = Postgres(shared_home_path)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
    server.home.forget_sockets()


async def value(url: str, statement: str) -> Any:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        row = await cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def server_process(server: Postgres) -> psutil.Process:
    assert server.process is not None
    return psutil.Process(server.process.pid)


async def test_roles_and_addresses(postgres: Postgres) -> None:
    assert (
        await value(postgres.url, "SELECT current_user || ' ' || current_database()") == "countersign_app countersign"
    )
    assert (
        await value(postgres.url, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user") is False
    )
    assert await value(postgres.owner_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True


async def test_a_clean_slate_for_french(postgres: Postgres) -> None:
    assert await value(postgres.url, "SHOW server_encoding") == "UTF8"
    assert await value(postgres.url, "SELECT upper('été')") == "ÉTÉ"
    assert await value(postgres.url, "SHOW timezone") == "UTC"


async def test_it_is_durable(postgres: Postgres) -> None:
    for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await value(postgres.url, f"SHOW {name}") == "on"
    assert await value(postgres.url, "SHOW jit") == "off"


def connections(process: psutil.Process) -> list[Any]:
    """None of a process that has just ended: workers of PostgreSQL come and go."""
    try:
        return list(process.net_connections("inet"))
    except psutil.NoSuchProcess:
        return []


async def test_nobody_else_reaches_it(postgres: Postgres) -> None:
    assert await value(postgres.owner_url, "SHOW listen_addresses") == ""
    every = [server_process(postgres), *server_process(postgres).children(recursive=True)]
    assert [c for each in every for c in connections(each) if c.status == psutil.CONN_LISTEN] == []
    assert stat.S_IMODE(postgres.sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE(postgres.data.stat().st_mode) == 0o700


async def test_it_does_not_run_as_root(postgres: Postgres) -> None:
    assert server_process(postgres).uids().effective != 0
    assert server_process(postgres).uids().effective == postgres.data.stat().st_uid


async def test_the_extensions_that_the_schema_wants(postgres: Postgres) -> None:
    wanted = "('ltree', 'vector', 'pg_trgm', 'unaccent', 'btree_gin', 'pg_stat_statements')"
    found = await value(postgres.url, f"SELECT count(*) FROM pg_available_extensions WHERE name IN {wanted}")
    assert found == 6


async def test_data_outlives_a_stop_and_a_kill(postgres: Postgres) -> None:
    await value(postgres.owner_url, "CREATE TABLE kept AS SELECT 1 AS n")
    await postgres.stop()
    assert not postgres.alive
    assert postgres.process
    assert postgres.process.returncode == 0
    assert not (postgres.data / "postmaster.pid").exists()
    await postgres.start()
    await value(postgres.owner_url, "INSERT INTO kept VALUES (2)")
    server_process(postgres).kill()
    await postgres.start()
    assert await value(postgres.owner_url, "SELECT sum(n) FROM kept") == 3


async def test_a_stop_does_not_wait_for_sessions(postgres: Postgres) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.url):
        await postgres.stop()
        assert postgres.process
        assert postgres.process.returncode == 0  # not killed after its time was up
    await postgres.start()


async def test_a_process_id_that_somebody_else_has_now(home_path: Path) -> None:
    """After a restart of a container the number in postmaster.pid is often another program's."""
    server = Postgres(home_path)
    await server.start()
    await server.stop()
    file = server.data / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n{server.data}\n1\n5432\n{server.sockets}\n\n1 1\nready\n")
    await server.start()
    await server.stop()
    server.home.forget_sockets()


async def test_an_orphan_is_ended_first(home_path: Path) -> None:
    first = Postgres(home_path)
    await first.start()
    orphan = server_process(first)
    second = Postgres(home_path)
    await second.start()
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    assert await value(second.url, "SELECT 1") == 1
    await second.stop()
    await first.stop()
    second.home.forget_sockets()


async def test_another_version_is_one_clear_line(home_path: Path) -> None:
    server = Postgres(home_path)
    server.home.prepare()
    server.data.mkdir()
    (server.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(WrongPostgres, match=r"was written by PostgreSQL 16, and this is PostgreSQL 18") as error:
        await server.start()
    assert "\n" not in error.value.detail
    assert not server.alive


async def test_data_that_was_half_made_is_made_again(home_path: Path) -> None:
    server = Postgres(home_path, durable=False)
    server.home.prepare()
    half = server.data.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server.data.mkdir()  # an empty directory is nobody's data
    await server.start()
    assert not half.exists()
    assert await value(server.url, "SELECT 1") == 1
    await server.stop()
    server.home.forget_sockets()


async def test_a_home_with_a_long_and_odd_name(home_path: Path) -> None:
    server = Postgres(home_path / ("maison, œuvre & 'co' " * 8).strip(), durable=False)
    await server.start()
    assert await value(server.url, "SELECT 1") == 1
    await server.stop()
    moved = server.sockets
    server.home.forget_sockets()
    assert not moved.exists()


def test_a_killed_parent_takes_the_server_with_it(home_path: Path) -> None:
    script = (
        "import asyncio, time; from pathlib import Path; from countersign.stack.postgres import Postgres\n"
        f"server = Postgres(Path({str(home_path)!r})); asyncio.run(server.start())\n"
        "print(server.process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    server = psutil.Process(int(parent.stdout.readline()))
    everyone = [server, *server.children(recursive=True)]
    assert len(everyone) > 3
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(everyone, timeout=60)
    assert not alive
    Postgres(home_path).home.forget_sockets()


async def test_ending_an_orphan_needs_a_file(tmp_path: Path) -> None:
    await postgres_data.end_orphan(tmp_path)
    (tmp_path / "postmaster.pid").write_text("not a number\n")
    await postgres_data.end_orphan(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lets another user pass")
def test_only_the_one_user_may_pass(tmp_path: Path) -> None:
    from countersign.stack.system_user import SystemUser, database_user, let_through

    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a").chmod(0o700)
    user = database_user(tmp_path / "missing")
    assert user is not None
    assert user.uid != 0
    let_through(user, inner / "file")
    let_through(user, inner / "file")  # nothing left to do

    def passes(uid: int) -> bool:
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(uid)
            os._exit(0 if os.path.isdir(inner) else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    for parent in tmp_path.parents:
        if parent.stat().st_mode & 0o001 == 0:
            let_through(SystemUser("nobody", 65534, 65534), parent / "x")
    assert passes(user.uid)
    stranger = 65533
    assert not passes(stranger)
    assert not (tmp_path / "a").stat().st_mode & 0o007
