"""Whatever a model's client raises, as one of our errors that says what to do."""

from __future__ import annotations

import json
from typing import Any, cast

from .endpoints import Endpoint
from .errors import (
    AnswerCut,
    ModelBroken,
    ModelBusy,
    ModelError,
    ModelNotFound,
    ModelRefused,
    ModelTimeout,
    ModelUnreachable,
    PromptTooLong,
    UnreadableReply,
)
from .models import Provider

# Names in the class tree of an error, so that no client library need be imported to ask: httpx and httpx2 have the
# same, OpenAI's and Anthropic's packages too.
# The only time-out that the clients keep is that of connecting; the others are ours.
LOST = {"APIConnectionError", "NetworkError", "TimeoutException", "ProtocolError", "OSError"}
SAID = {"APIError", "ResponseError"}
TOO_LONG = (
    "context size",
    "context length",
    "context_length",
    "context window",
    "prompt is too long",
    "exceed_context",
)


def explain(error: Exception, endpoint: Endpoint, *, spoke: bool) -> ModelError:
    """The error that *error* means. *spoke*: part of the answer had come already."""
    if isinstance(error, ModelError):
        return error
    names = {cls.__name__ for cls in type(error).__mro__}
    status = getattr(error, "status_code", None)
    said = _words(error)
    where = {"model": str(endpoint.name), "server": endpoint.address}
    if any(words in said.lower() for words in TOO_LONG):
        return PromptTooLong(None, **where, reason=said)
    if isinstance(status, int) and status >= 400:
        return _by_status(status, said, endpoint)
    if names & LOST:
        if spoke:
            return AnswerCut(None, **where)
        return ModelUnreachable(f"{endpoint.address} does not answer ({endpoint.name}). {_start(endpoint)}", **where)
    if names & SAID:
        kind = AnswerCut if spoke else ModelBroken
        return kind(f"The model's server stopped with an error: {said}", **where)
    return UnreadableReply(
        f"What {endpoint.address} sent is not an answer ({type(error).__name__}). "
        "Check that the address leads to a model server.",
        **where,
    )


def _by_status(status: int, said: str, endpoint: Endpoint) -> ModelError:
    name, where = endpoint.name, {"model": str(endpoint.name), "server": endpoint.address, "status": status}
    if status == 404:
        return ModelNotFound(f"{endpoint.address} does not have “{name.model}”. {_get(endpoint)}", **where)
    if status in (401, 403):
        return ModelRefused(f"{endpoint.address} refuses the key. Check COUNTERSIGN_MODEL_API_KEY.", **where)
    if status in (408, 504):
        return ModelTimeout(None, **where)
    if status == 429:
        return ModelBusy(None, **where)
    if status >= 500:
        return ModelBroken(f"The model's server failed (HTTP {status}: {said}). Look at its log.", **where)
    return ModelRefused(f"The model's server refuses the request (HTTP {status}: {said}).", **where)


def _start(endpoint: Endpoint) -> str:
    if endpoint.name.provider is Provider.OLLAMA:
        return "Start it with `ollama serve`, or correct COUNTERSIGN_MODEL_URL or the agent's host."
    if endpoint.name.provider is Provider.LOCAL:
        return "The embedded model server has stopped: look at `countersign doctor`."
    return "Check COUNTERSIGN_MODEL_URL and the network."


def _get(endpoint: Endpoint) -> str:
    if endpoint.name.provider is Provider.OLLAMA:
        return f"Pull it with `ollama pull {endpoint.name.model}`, or choose another model."
    return "Choose another model, or correct COUNTERSIGN_MODEL_URL."


def _words(error: Exception) -> str:
    """What the server said, short and on one line."""
    body = getattr(error, "body", None)
    for source in (body, getattr(error, "error", None), str(error)):
        if text := _message(source):
            return " ".join(text.split())[:300]
    return type(error).__name__


def _message(source: Any) -> str:
    if isinstance(source, str):
        try:
            return _message(json.loads(source)) or source if source.startswith("{") else source
        except ValueError:
            return source
    if isinstance(source, dict):
        found = cast("dict[str, Any]", source)
        return _message(found.get("error")) or _message(found.get("message"))
    return ""
