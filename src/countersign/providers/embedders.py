"""Embedders behind one face: texts in, normalised vectors out."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import structlog

from ..kernel.access import Caller
from ..kernel.app import App
from ..kernel.settings import Settings
from .embed_wire import Kind, Vectors, Wire
from .endpoints import HOMES, Endpoint, tidy
from .errors import EmbedderChanged, EmbedderRefused, EmbedderUnreachable
from .ledger import CallContext, count, record
from .models import ModelName, Provider, Reply, Usage, estimate_tokens
from .prices import is_billed
from .profiles import LOCAL_E5, Profile, profile_of

log = structlog.get_logger("providers.embedders")

LOCAL = ModelName(Provider.LOCAL, "multilingual-e5-small-q4")
BATCH_TEXTS = 64
BATCH_CHARACTERS = 40_000
REMEMBERED = 1000  # questions whose vectors are kept


class Embedder(Protocol):
    """What the index and retrieval use. Raises ``EmbedderError``."""

    @property
    def id(self) -> str:
        """``provider:model``: vectors of different ids are never compared."""
        ...

    @property
    def dimensions(self) -> int: ...

    @property
    def profile(self) -> Profile: ...

    async def query(self, text: str, *, caller: Caller | None = None) -> Vectors:
        """Vector (d,) of a question, float32, length 1. *caller* is billed where the embedder costs money."""
        ...

    async def passages(self, texts: Sequence[str], *, caller: Caller | None = None) -> Vectors:
        """Vectors (n, d) of what may answer questions, in the order of *texts*."""
        ...


class ServedEmbedder:
    """An embedder behind HTTP. Calls are counted for Prometheus; those that cost money are in the ledger too."""

    def __init__(self, app: App, wire: Wire, profile: Profile, dimensions: int) -> None:
        self._app = app
        self._wire = wire
        self._kept: OrderedDict[str, Vectors] = OrderedDict()
        self.id = str(wire.endpoint.name)
        self.dimensions = dimensions
        self.profile = profile

    async def query(self, text: str, *, caller: Caller | None = None) -> Vectors:
        """See ``Embedder``. The same question is embedded once."""
        if text in self._kept:
            self._kept.move_to_end(text)
            return self._kept[text]
        vector: Vectors = (await self._embed([text], "query", caller))[0]
        vector.setflags(write=False)
        self._kept[text] = vector
        if len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        return vector

    async def passages(self, texts: Sequence[str], *, caller: Caller | None = None) -> Vectors:
        """See ``Embedder``. Sent in bounded batches, one after the other."""
        parts = [await self._embed(batch, "passage", caller) for batch in batches(texts)]
        return np.concatenate(parts) if parts else np.empty((0, self.dimensions), dtype=np.float32)

    async def _embed(self, texts: list[str], kind: Kind, caller: Caller | None) -> Vectors:
        prefix = self.profile.query_prefix if kind == "query" else self.profile.passage_prefix
        started = time.perf_counter()
        # Some servers refuse an empty text; a space means as little.
        answer = await self._wire.embed([prefix + (text or " ") for text in texts], kind)
        await self._bill(texts, kind, answer.tokens, time.perf_counter() - started, caller)
        if answer.vectors.shape[1] != self.dimensions:
            raise EmbedderChanged(
                f"{self.id} now answers with {answer.vectors.shape[1]} numbers instead of {self.dimensions}. "
                "Reindex, or restore COUNTERSIGN_EMBEDDER."
            )
        return normalised(answer.vectors, self.id)

    async def _bill(self, texts: Sequence[str], kind: Kind, tokens: int, seconds: float, caller: Caller | None) -> None:
        where = self._wire.endpoint
        read = tokens or sum(estimate_tokens(text) for text in texts)
        usage = Usage(input=read, estimated=not tokens)
        reply = Reply("", usage, where.name.model, where.name.provider, round(seconds * 1000), server=where.address)
        operation = f"embed.{kind}"
        if caller is None or not is_billed(where.name.provider, where.url):
            count(reply, operation, "ok")
            return
        try:
            await record(self._app, caller, CallContext(operation), f"{len(texts)} text(s)", reply)
        except Exception as lost:
            log.error("ledger.lost", operation=operation, model=reply.name, usage=usage, error=repr(lost))


class Embedders:
    """The embedder of one process: ``await embedder(app)``."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._made: dict[str | None, ServedEmbedder] = {}
        self._wires: dict[str | None, Wire] = {}

    async def current(self) -> Embedder:
        """The configured embedder. One whose size is not known is asked once."""
        return await self._of(None)

    async def named(self, name: str) -> Embedder:
        """The embedder whose id is *name*, where the configured server or this instance may still have it."""
        now = await self.current()
        return now if now.id == name else await self._of(name)

    async def _of(self, name: str | None) -> Embedder:
        if name not in self._made:
            where = embedder_endpoint(self._app.settings, name)
            wire = self._wires.setdefault(name, Wire(where))
            profile = LOCAL_E5 if where.name.provider is Provider.LOCAL else profile_of(where.name.model)
            size = profile.dimensions or int((await wire.embed(["dimensions"], "query")).vectors.shape[1])
            self._made[name] = ServedEmbedder(self._app, wire, profile, size)
        return self._made[name]

    async def aclose(self) -> None:
        """Closes the connections."""
        for wire in self._wires.values():
            await wire.aclose()


async def embedder(app: App) -> Embedder:
    """The embedder of this process. Raises ``EmbedderUnreachable``, ``EmbedderRefused``, ``BadModelName``."""
    return await app.once(Embedders).current()


async def named(app: App, name: str) -> Embedder:
    """The embedder that wrote vectors as *name*, the present one or a former one. Raises as ``embedder`` does."""
    return await app.once(Embedders).named(name)


def embedder_endpoint(settings: Settings, former: str | None = None) -> Endpoint:
    """Where the configured embedder is, or a *former* one on the same server or in this instance.

    Raises ``EmbedderUnreachable`` when nothing serves, ``EmbedderRefused``.
    """
    configured = ModelName.parse(settings.embedder) if settings.embedder else LOCAL
    name = ModelName.parse(former) if former else configured
    if name.provider is not configured.provider or (name.provider is Provider.LOCAL and name != LOCAL):
        if name == LOCAL and settings.local_embedder_url:
            return Endpoint(LOCAL, tidy(Provider.OPENAI, settings.local_embedder_url), None)
        raise EmbedderUnreachable(f"{name} is no longer configured; the embedder is now {configured}.")
    if name.provider is Provider.LOCAL:
        url = settings.embedder_url or settings.local_embedder_url
        if not url:
            raise EmbedderUnreachable(
                "The embedded embedder does not run. Start it with `countersign up`, or set COUNTERSIGN_EMBEDDER."
            )
        return Endpoint(LOCAL, tidy(Provider.OPENAI, url), settings.embedder_api_key if settings.embedder_url else None)
    if name.provider not in (Provider.OLLAMA, Provider.OPENAI):
        raise EmbedderRefused(f"{name.provider} has no embedders. Use ollama:embeddinggemma or openai:….")
    url = settings.embedder_url or HOMES[name.provider]
    return Endpoint(name, tidy(name.provider, url), settings.embedder_api_key)


def batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """*texts* in lists of bounded number and length; a single text may be longer."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == BATCH_TEXTS or size + len(text) > BATCH_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def normalised(vectors: Vectors, name: str) -> Vectors:
    """*vectors* (n, d) with length 1. Raises ``EmbedderRefused`` for what has no direction."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
        raise EmbedderRefused(f"{name} answered with a vector that is zero or not a number.")
    return (vectors / lengths).astype(np.float32, copy=False)
