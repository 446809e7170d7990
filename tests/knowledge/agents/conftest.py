"""The tests of agents run on the demonstration, over the real application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import Request

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.main import create
from tests.cluster import Clone

CSRF = "a-token-of-this-test"
Visit = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
PRICES: dict[str, Any] = {
    "name": "Métreur",
    "slug": "metreur",
    "description": "Prix au mètre.",
    "icon": "rulers",
    "color": "#336699",
    "language": "fr",
    "system_prompt": "Tu es métreur.\nTu réponds en une phrase.",
    "qdrant_collection": "agent_metreur",
    "retrieval_mode": "SQL_HYDRATION",
    "hydration_config": {
        "table": "ouvrages",
        "key": "db_id",
        "fields": ["unit_price", "unit"],
        "relations": ["components"],
    },
    "source_template": None,
    "ollama_host": "ollama.example.lan",
    "ollama_port": 11434,
    "model": "ollama:mistral",
    "fallback_model": "mistral:7b",
    "context_window_size": 4,
    "max_tokens": 256,
    "temperature": "0.25",
    "top_k": 3,
    "min_score": "0.3000",
    "learned_min_score": "0.8500",
    "direct_answer": True,
    "strict": False,
    "is_active": True,
}


@pytest.fixture
def database(demonstration: Clone) -> Clone:
    """The test's database holds the demonstration."""
    return demonstration


@pytest.fixture
def visit(house: App, settings: Settings) -> Visit:
    """``async with visit(caller) as client``: a browser of *caller*."""
    site = create(settings)
    site.state.app = house

    @asynccontextmanager
    async def visiting(caller: Caller) -> AsyncIterator[httpx.AsyncClient]:
        async def authenticate(request: Request) -> Caller:
            request.state.csrf = CSRF
            return caller

        site.state.authenticate = authenticate
        transport = httpx.ASGITransport(app=site)
        headers = {"X-CSRF-Token": CSRF, "Accept-Language": "fr", "Accept": "text/html"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://site.test", headers=headers, timeout=60
        ) as client:
            yield client

    return visiting
