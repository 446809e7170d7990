"""Do the model, its fallback and the embedder answer? What ``doctor`` and the health page show."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from ..kernel.app import App
from ..kernel.errors import CountersignError
from ..kernel.settings import Settings
from .embed_wire import Wire
from .embedders import embedder_endpoint
from .endpoints import Endpoint, default_model, endpoint
from .models import ModelName, Provider, is_demonstration
from .servers import NotServed, ask, has


@dataclass(frozen=True, slots=True)
class Reachable:
    """One model or embedder: whether it answers, its name and address, and what is wrong or worth knowing."""

    ok: bool
    name: str
    url: str | None
    detail: str
    demonstration: bool = False


async def reachable(app: App) -> dict[str, Reachable]:
    """``model``, ``fallback`` (when one is set) and ``embedder``. Asks all at once; never raises."""
    settings = app.settings
    checks: dict[str, Awaitable[Reachable]] = {"model": _model(settings, settings.model)}
    if settings.fallback_model:
        checks["fallback"] = _model(settings, settings.fallback_model)
    checks["embedder"] = _embedder(settings)
    return dict(zip(checks, await asyncio.gather(*checks.values()), strict=True))


async def _model(settings: Settings, text: str | None) -> Reachable:
    try:
        name = ModelName.parse(text) if text else default_model(settings)
        where = endpoint(settings, name)
    except CountersignError as error:
        return Reachable(False, text or "", None, error.detail)
    if settings.model_url and not settings.model:
        detail = "COUNTERSIGN_MODEL_URL is set but COUNTERSIGN_MODEL is not: say which model, as provider:name."
        return Reachable(False, str(name), where.address, detail)
    return await _served(where, _missing(name))


async def _served(where: Endpoint, missing: str) -> Reachable:
    name = str(where.name)
    try:
        facts = await ask(where)
    except NotServed as error:
        return Reachable(False, name, where.address, f"{error}. Start the server, or check the address and its key.")
    if facts.models and not has(facts.models, where.name.model):
        return Reachable(False, name, where.address, missing)
    if is_demonstration(where.name):
        detail = "The embedded model is a demonstration. Connect Ollama for real use: COUNTERSIGN_MODEL=ollama:mistral."
        return Reachable(True, name, where.address, detail, demonstration=True)
    size = f"{facts.context:,} tokens of context" if facts.context else "answers"
    return Reachable(True, name, where.address, size)


async def _embedder(settings: Settings) -> Reachable:
    where: Endpoint | None = None
    try:
        where = embedder_endpoint(settings)
        wire = Wire(where)
        try:
            answer = await wire.embed(["ping"], "query", tries=1)
        finally:
            await wire.aclose()
    except CountersignError as error:
        return Reachable(
            False, str(where.name) if where else settings.embedder or "", where and where.address, error.detail
        )
    return Reachable(True, str(where.name), where.address, f"{answer.vectors.shape[1]} dimensions")


def _missing(name: ModelName) -> str:
    if name.provider is Provider.OLLAMA:
        return f"The server does not have it: `ollama pull {name.model}`."
    return "The server does not have a model of that name."
