"""What a model's server says about itself: which models it has and how much they read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import httpx

from .clients import tls
from .endpoints import Endpoint, shown
from .models import Provider

SECONDS = 3.0
ANTHROPIC_VERSION = "2023-06-01"


class NotServed(Exception):
    """The server does not answer, or not as its protocol says; the text tells why."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names of the models that a server has, and the tokens that the asked one reads (None: it does not say)."""

    models: tuple[str, ...]
    context: int | None = None


async def ask(endpoint: Endpoint) -> Facts:
    """One or two short requests that cost nothing. Raises ``NotServed``."""
    key = endpoint.key.get_secret_value() if endpoint.key else ""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if endpoint.name.provider is Provider.ANTHROPIC:
        headers = {"x-api-key": key or "none", "anthropic-version": ANTHROPIC_VERSION}
    async with httpx.AsyncClient(
        headers=headers, timeout=SECONDS, trust_env=not endpoint.private, verify=tls()
    ) as http:
        if endpoint.name.provider is Provider.OLLAMA:
            return await _ollama(http, endpoint)
        path = "/v1/models" if endpoint.name.provider is Provider.ANTHROPIC else "/models"
        listed = _rows(await _json(http, "GET", f"{endpoint.url}{path}"), "data")
        mine = [row for row in listed if row.get("id") == endpoint.name.model]
        sizes = [_size(row.get("max_model_len")) or _size(_dict(row.get("meta")).get("n_ctx")) for row in mine]
        return Facts(tuple(str(row.get("id")) for row in listed), next(iter(sizes), None))


async def _ollama(http: httpx.AsyncClient, endpoint: Endpoint) -> Facts:
    listed = _rows(await _json(http, "GET", f"{endpoint.url}/api/tags"), "models")
    names = tuple(str(row.get("name")) for row in listed)
    if not has(names, endpoint.name.model):
        return Facts(names)
    shown = await _json(http, "POST", f"{endpoint.url}/api/show", {"model": endpoint.name.model})
    info = _dict(_dict(shown).get("model_info"))
    return Facts(names, next((_size(v) for k, v in info.items() if k.endswith(".context_length")), None))


def has(names: tuple[str, ...], model: str) -> bool:
    """Whether *model* is among *names*; Ollama calls ``mistral`` also ``mistral:latest``."""
    return model in names or f"{model}:latest" in names


async def _json(http: httpx.AsyncClient, method: str, url: str, body: Any = None) -> Any:
    try:
        answer = await http.request(method, url, json=body)
        answer.raise_for_status()
        return answer.json()
    except httpx.HTTPStatusError as error:
        raise NotServed(f"{shown(url)} answers HTTP {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise NotServed(f"{shown(url)} does not answer ({type(error).__name__})") from error
    except ValueError as error:
        raise NotServed(f"{shown(url)} does not answer in JSON") from error


def _dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _rows(answer: Any, name: str) -> list[dict[str, Any]]:
    rows: Any = _dict(answer).get(name)
    return [_dict(row) for row in cast("list[Any]", rows)] if isinstance(rows, list) else []


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
