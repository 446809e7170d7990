"""What is imported when, and what stays in the house."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.scripted_model import Rule, ScriptedModel
from tests.fakes.serving import serving

HEAVY = "langchain_core langchain_openai langchain_anthropic langchain_ollama openai anthropic ollama genai_prices langsmith"


@pytest.mark.parametrize("module", ["", ".chat", ".ledger", ".health", ".embedders", ".models", ".prices"])
def test_no_room_pays_for_a_client_that_it_does_not_use(module: str) -> None:
    code = f"import sys, countersign.providers{module}; print([m for m in {HEAVY.split()} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


async def test_a_warm_model_answers_without_importing(asking: Callable[..., Any]) -> None:
    async with ScriptedModel([Rule("", "oui")]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        await ask.models.warm()
        assert (await ask.reply()).text == "oui"
    nothing = await asking()
    await nothing.models.warm()


@pytest.mark.parametrize("guarded", [True, False])
async def test_prompts_are_not_traced_elsewhere(
    asking: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """LangChain sends every prompt to LangSmith when its variables are set. Without our guard it does so here too."""
    from langchain_core.tracers.langchain import wait_for_all_tracers
    from langsmith.utils import get_env_var

    seen: list[str] = []

    async def spy(request: Request) -> Response:
        seen.append(request.url.path)
        return JSONResponse({})

    every = Starlette(routes=[Route("/{path:path}", spy, methods=["GET", "POST", "PATCH", "PUT"])])
    async with serving(every) as elsewhere, ScriptedModel([Rule("", "un deux trois")]).serve() as url:
        for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
            monkeypatch.setenv(name, "true")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", elsewhere)
        monkeypatch.setenv("LANGSMITH_API_KEY", "key")
        if not guarded:
            monkeypatch.setattr("countersign.providers.attempt.untraced", nullcontext)
        get_env_var.cache_clear()
        ask = await asking(model="scripted:a", model_url=url)
        await ask.reply()
        await asyncio.to_thread(wait_for_all_tracers)
    get_env_var.cache_clear()
    assert bool(seen) is not guarded


async def test_keys_of_the_environment_are_not_sent(
    asking: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    script = ScriptedModel([Rule("", "oui")])
    async with script.serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        await ask.reply()
    assert "sk-of-somebody" not in str(script.calls[0].headers)
