"""Whether the process lives, whether it can serve, and its figures."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi.responses import JSONResponse, Response

from .. import __version__
from ..kernel import metrics
from ..kernel.app import App
from ..kernel.bell import celery_app
from ..kernel.errors import CountersignError
from ..kernel.migrate import applied, migrations
from ..kernel.web import PUBLIC, House, Router

routes = Router(tags=["health"])
PATIENCE = 5.0


@routes.on("GET /healthz", permission=PUBLIC, summary="The process is alive")
async def healthz() -> JSONResponse:
    """Answers at once, whatever state the services are in: a supervisor restarts what does not."""
    return JSONResponse({"status": "alive", "version": __version__}, headers={"Cache-Control": "no-store"})


@routes.on("GET /readyz", permission=PUBLIC, summary="The process can serve")
async def readyz(app: House) -> JSONResponse:
    """200 when the database is migrated and the broker answers, else 503 naming what is missing.

    A model server that does not answer degrades answers and is reported, but does not make the site unready.
    """
    names = ("postgres", "redis", "models", "embedder")
    found = await asyncio.gather(_database(app), _broker(app), _server(_models(app)), _server(_embedder(app)))
    checks = {name: {"status": fault or "ok"} for name, fault in zip(names, found, strict=True)}
    missing = [name for name in names[:2] if checks[name]["status"] != "ok"]
    degraded = [name for name in names[2:] if checks[name]["status"] != "ok"]
    body: dict[str, Any] = {"status": "unready" if missing else "ready", "version": __version__, "checks": checks}
    body |= {"missing": missing, "degraded": degraded}
    return JSONResponse(body, 503 if missing else 200, headers={"Cache-Control": "no-store"})


@routes.on("GET /metrics", permission="settings.manage", summary="Figures for Prometheus")
async def figures() -> Response:
    """Counters and histograms of this process, in Prometheus' text format."""
    body, kind = metrics.exposition()
    return Response(body, media_type=kind)


async def _database(app: App) -> str | None:
    """None when it answers and is migrated, else what is wrong in one line."""
    try:
        async with asyncio.timeout(PATIENCE):
            async with app.db.transaction(None, read_only=True) as tx:
                version = await applied(tx)
    except (TimeoutError, CountersignError):
        return "PostgreSQL does not answer"
    except Exception as error:
        return f"the schema cannot be read: {type(error).__name__}"
    wanted = migrations()[-1].version
    return None if version == wanted else f"migration {wanted:04} is missing; run `countersign migrate`"


async def _broker(app: App) -> str | None:
    broker = app.bell.broker
    if not broker:
        return "no broker is configured; set COUNTERSIGN_REDIS_URL"

    def knock() -> None:
        celery: Any = celery_app(broker)
        with celery.connection_for_write(connect_timeout=PATIENCE) as connection:
            connection.ensure_connection(max_retries=1, timeout=PATIENCE)

    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.to_thread(knock)
    except Exception:
        return "the broker does not answer"
    return None


def _models(app: App) -> str | None:
    """Address of a server that must be up for models to speak; None where nothing local is configured."""
    return app.settings.model_url or (app.settings.local_model_url if app.settings.model is None else None)


def _embedder(app: App) -> str | None:
    return app.settings.embedder_url or (app.settings.local_embedder_url if app.settings.embedder is None else None)


async def _server(url: str | None) -> str | None:
    """None when *url* answers anything at all: even a refusal proves that somebody is there."""
    if url is None:
        return None
    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            await client.get(url)
    except (httpx.HTTPError, ValueError):
        return "does not answer"
    return None
