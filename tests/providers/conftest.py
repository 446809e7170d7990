"""The servers that the providers' tests talk to: a real llama.cpp, a real embedder, and applications with settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.providers.chat import ChatModels
from countersign.providers.ledger import CallContext
from countersign.providers.models import Delta, Options, Reply, Turn
from countersign.stack.embedder import Embedder as EmbedderServer
from countersign.stack.home import Home
from countersign.stack.models import ModelServer
from tests.cluster import Clone, Cluster

NO_OPTIONS = Options()


@pytest.fixture(scope="session")
def database(cluster: Cluster) -> Iterator[Clone]:
    """One database for all of these tests: they only add rows, and look at their own."""
    with cluster.clone() as clone:
        yield clone


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """The embedded model server: llama.cpp with SmolLM2-135M."""
    server = ModelServer(tmp_path_factory.mktemp("llama"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def e5(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbedderServer]:
    """The embedded embedder: multilingual-e5-small."""
    server = EmbedderServer(Home(Path(tmp_path_factory.mktemp("e5"))))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def application(settings: Settings) -> AsyncIterator[Callable[..., Any]]:
    """``await application(model=…, model_url=…)``: an open ``App`` with these settings."""
    async with AsyncExitStack() as stack:

        async def make(**changed: Any) -> App:
            values = {name: getattr(settings, name) for name in settings.model_fields_set} | changed
            return await stack.enter_async_context(App(Settings(**values)))

        yield make


class Asking:
    """Asks one application's models and keeps what came."""

    def __init__(self, app: App, caller: Caller) -> None:
        self.app = app
        self.caller = caller
        self.models = app.once(ChatModels)
        self.pieces: list[str] = []

    def stream(self, question: str = "Quel est le prix ?", *, model: str | None = None, options: Options = NO_OPTIONS):
        """The stream of an answer."""
        turns = [Turn("system", "Réponds en français."), Turn("user", question)]
        call = CallContext("answer")
        return self.models.stream(turns, caller=self.caller, call=call, model=model, options=options)

    async def reply(self, question: str = "Quel est le prix ?", **given: Any) -> Reply:
        """The whole answer; its pieces are kept."""
        self.pieces = []
        last: Reply | None = None
        async for piece in self.stream(question, **given):
            assert last is None, "nothing comes after the reply"
            if isinstance(piece, Delta):
                self.pieces.append(piece.text)
            else:
                last = piece
        assert last is not None
        return last


@pytest.fixture
async def asking(application: Callable[..., Any], caller: Callable[..., Caller]) -> Callable[..., Any]:
    """``await asking(model=…, model_url=…)``: an ``Asking`` with these settings."""

    async def make(**changed: Any) -> Asking:
        return Asking(await application(**changed), caller("*"))

    return make
