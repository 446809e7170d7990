"""What `countersign doctor` looks at over the network: the services, whoever runs them."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import psycopg

from ..kernel.settings import Settings
from .checks import Check

PATIENCE = 3  # seconds that a service is given to answer
OLDEST_POSTGRES = 170000
EXTENSIONS = ("ltree", "pg_trgm", "unaccent")
PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "valkey": 6379, "amqp": 5672, "amqps": 5671}
UP = "start the embedded one with `countersign up`"


async def postgres(settings: Settings) -> Check:
    """It answers, is new enough, has the extensions, and does not let the application pass row-level security."""
    fix = f"set COUNTERSIGN_DATABASE_URL, or {UP}"
    if not settings.database_url:
        return Check("PostgreSQL", "fail", "not configured and not running", fix)
    try:
        async with await psycopg.AsyncConnection.connect(settings.database_url, connect_timeout=PATIENCE) as connection:
            return await _inside(connection, vectors=not settings.qdrant_url)
    except psycopg.Error as error:
        return Check("PostgreSQL", "fail", str(error).strip().splitlines()[-1], fix)


async def _inside(connection: psycopg.AsyncConnection[Any], *, vectors: bool) -> Check:
    version = connection.info.server_version
    named = f"{version // 10000}.{version % 10000}"
    if version < OLDEST_POSTGRES:
        return Check("PostgreSQL", "fail", f"version {named}", "PostgreSQL 17 or newer is needed")
    wanted = [*EXTENSIONS, *(["vector"] if vectors else [])]
    found = await connection.execute("SELECT name FROM pg_available_extensions WHERE name = ANY (%s)", (wanted,))
    missing = sorted(set(wanted) - {row[0] for row in await found.fetchall()})
    if missing:
        fix = f"install the extensions {', '.join(missing)} on the database server"
        return Check(
            "PostgreSQL", "fail", f"version {named}", fix + (", or set COUNTERSIGN_QDRANT_URL" if vectors else "")
        )
    found = await connection.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    if ((await found.fetchone()) or [False])[0]:
        fix = "sign in as a role without SUPERUSER and BYPASSRLS that is a member of countersign_app"
        return Check("PostgreSQL", "warn", f"version {named}; this role passes row-level security", fix)
    return Check("PostgreSQL", "ok", f"version {named} with {', '.join(wanted)}")


async def schema(settings: Settings) -> Check:
    """Every migration of this version is applied."""
    from ..kernel.migrate import migrations

    wanted = migrations()[-1].version
    url = settings.owner_url or settings.database_url
    if not url:
        return Check("schema", "fail", "no database to look at", UP)
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=PATIENCE) as connection:
            row = await (await connection.execute("SELECT max(version) FROM schema_migrations")).fetchone()
            version: int = (row[0] if row else None) or 0
    except psycopg.errors.UndefinedTable:
        version = 0
    except psycopg.Error as error:
        return Check("schema", "fail", str(error).strip().splitlines()[-1], UP)
    if version < wanted:
        return Check("schema", "fail", f"migration {version} of {wanted}", "run `countersign migrate`")
    if version > wanted:
        return Check("schema", "fail", f"migration {version}, newer than this program", "install the newer version")
    return Check("schema", "ok", f"migration {version}")


async def redis(settings: Settings) -> Check:
    """The broker answers."""
    fix = f"set COUNTERSIGN_REDIS_URL, or {UP}"
    if not settings.redis_url:
        return Check("Redis", "fail", "not configured and not running", fix)

    def knock() -> None:
        from ..kernel.bell import celery_app

        broker = celery_app(settings.redis_url)
        with broker.connection_for_write(connect_timeout=PATIENCE) as connection:
            connection.ensure_connection(max_retries=1, timeout=PATIENCE)

    try:
        async with asyncio.timeout(2 * PATIENCE):
            await asyncio.to_thread(knock)
    except Exception as error:
        return Check("Redis", "fail", f"does not answer: {error or type(error).__name__}", fix)
    return Check("Redis", "ok", bare(settings.redis_url))


async def model(settings: Settings) -> Check:
    """The default chat model's server answers and has the model."""
    from ..kernel.errors import CountersignError
    from ..providers.endpoints import default_model, endpoint
    from ..providers.models import Provider
    from ..providers.servers import NotServed, ask, has

    try:
        name = default_model(settings)
        if name.provider is Provider.SCRIPTED:
            return Check("chat model", "warn", f"{name}: for tests", "set COUNTERSIGN_MODEL to a real model")
        where = endpoint(settings, name)
        facts = await ask(where)
    except CountersignError as error:
        return Check("chat model", "warn", "answers only quote the records", error.detail)
    except NotServed as error:
        return Check("chat model", "warn", str(error), "start its server, or correct COUNTERSIGN_MODEL and _MODEL_URL")
    if not has(facts.models, name.model):
        fix = f"`ollama pull {name.model}`" if name.provider is Provider.OLLAMA else "correct COUNTERSIGN_MODEL"
        return Check("chat model", "warn", f"{where.url} does not have {name.model}", fix)
    if name.provider is Provider.LOCAL:
        fix = "for real use install Ollama and set COUNTERSIGN_MODEL=ollama:mistral"
        return Check("chat model", "ok", f"{name}, a demonstration that speaks poor French", fix)
    return Check("chat model", "ok", f"{name} at {where.url}")


async def embedder(settings: Settings) -> Check:
    """The embedder's server is there."""
    url = settings.embedder_url or settings.local_embedder_url
    named = settings.embedder or "multilingual-e5-small, embedded"
    if not url and not settings.embedder:
        return Check("embedder", "warn", "not configured and not running", f"set COUNTERSIGN_EMBEDDER, or {UP}")
    if url and not await listens(url):
        return Check("embedder", "warn", f"{bare(url)} does not answer", "start it; until then only words are searched")
    return Check("embedder", "ok", f"{named}{f' at {bare(url)}' if url else ''}")


async def qdrant(settings: Settings) -> Check:
    """The vectors are in PostgreSQL, or Qdrant answers."""
    if not settings.qdrant_url:
        return Check("vectors", "ok", "pgvector in PostgreSQL")
    if await listens(settings.qdrant_url):
        return Check("vectors", "ok", f"Qdrant at {bare(settings.qdrant_url)}")
    return Check(
        "vectors",
        "fail",
        f"{bare(settings.qdrant_url)} does not answer",
        "start Qdrant, or unset COUNTERSIGN_QDRANT_URL",
    )


async def listens(url: str) -> bool:
    """Whether somebody accepts connections at *url*; taken for granted where it is not a host and port."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    port = parts.port or PORTS.get(parts.scheme)
    if not parts.hostname or not port:
        return True
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(parts.hostname, port)
            writer.close()
            return True
    except (OSError, TimeoutError):
        return False


def bare(url: str) -> str:
    """*url* without its password."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":…@") if parts.password else url
