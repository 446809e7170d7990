"""The web process: wiring only. ``python -m countersign.main`` serves, ``create(settings)`` makes the application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from . import __version__
from .accounts import api as accounts_api
from .accounts import pages as accounts_pages
from .accounts import service as accounts
from .index import api as index_api
from .index import pages as index_pages
from .kernel import logs
from .kernel.app import App
from .kernel.gate import Gate
from .kernel.settings import Settings
from .kernel.web import Router, install_errors
from .knowledge import jobs as knowledge_jobs  # noqa: F401  # pyright: ignore[reportUnusedImport]  jobs are asked for by name
from .knowledge.agents import api as agents_api
from .knowledge.agents import pages as agents_pages
from .knowledge.chat import api as chat_api
from .knowledge.chat import compatible as chat_compatible
from .knowledge.chat import outward as chat_outward
from .knowledge.chat import pages as chat_pages
from .knowledge.chat import trial as chat_trial
from .knowledge.chat import turns as chat_turns
from .knowledge.documents import api as documents_api
from .knowledge.documents import pages as documents_pages
from .knowledge.evaluation import api as evaluation_api
from .knowledge.evaluation import pages as evaluation_pages
from .knowledge.imports import api as imports_api
from .knowledge.imports import pages as imports_pages
from .knowledge.learning import api as learning_api
from .knowledge.learning import pages as learning_pages
from .knowledge.ouvrages import api as ouvrages_api
from .knowledge.ouvrages import editing as ouvrages_editing
from .knowledge.ouvrages import pages as ouvrages_pages
from .knowledge.retrieval import api as retrieval_api
from .knowledge.retrieval import pages as retrieval_pages
from .knowledge.tables import api as tables_api
from .knowledge.tables import pages as tables_pages
from .providers.chat import ChatModels
from .review import api as review_api
from .review import pages as review_pages
from .web import docs, health, home, layout, static
from .webhooks import api as webhooks_api
from .webhooks import jobs as webhooks_jobs  # noqa: F401  # pyright: ignore[reportUnusedImport]  it follows events
from .webhooks import pages as webhooks_pages

# A request is compared with one after the other: what is asked most often, and waited for, comes first.
ROUTES: list[Router] = [
    chat_api.routes,
    health.routes,
    home.routes,
    docs.routes,
    accounts_api.routes,
    accounts_pages.routes,
    agents_api.routes,
    agents_pages.routes,
    chat_trial.api,
    chat_trial.routes,
    evaluation_api.routes,
    evaluation_pages.routes,
    learning_api.routes,
    learning_pages.routes,
    retrieval_api.routes,
    retrieval_pages.routes,
    chat_compatible.routes,
    chat_pages.routes,
    review_api.routes,
    review_pages.routes,
    chat_turns.routes,
    chat_outward.routes,
    chat_outward.api,
    ouvrages_api.routes,
    ouvrages_editing.routes,
    ouvrages_pages.routes,
    documents_api.routes,
    documents_pages.routes,
    imports_api.routes,
    imports_pages.routes,
    tables_api.routes,
    tables_pages.routes,
    index_api.routes,
    index_pages.routes,
    webhooks_api.routes,
    webhooks_pages.routes,
]


def create(settings: Settings) -> FastAPI:
    """The ASGI application of *settings*, ready to serve once its lifespan has begun."""

    @asynccontextmanager
    async def lifespan(site: FastAPI) -> AsyncIterator[None]:
        async with App(settings) as app:
            site.state.app = app
            # The first question should not wait for the libraries of the models.
            warming = asyncio.create_task(app.once(ChatModels).warm())
            yield
            warming.cancel()

    site = FastAPI(
        title="Countersign",
        version=__version__,
        summary="AI agents at work, a human's signature on what they do.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        separate_input_output_schemas=False,
    )
    site.state.authenticate = accounts.authenticate
    site.state.render_error = layout.render_error
    site.state.page = layout.page
    install_errors(site)
    for routes in ROUTES:
        site.include_router(routes)
    static.mount(site)
    uploads = frozenset(path for routes in ROUTES for path in routes.uploads)
    site.add_middleware(Gate, max_body=settings.max_body_bytes, max_upload=settings.max_upload_bytes, uploads=uploads)
    return site


def main() -> None:
    """Serves until told to stop; an answer that is streaming has ten seconds to end."""
    import uvicorn

    settings = Settings.load()
    logs.configure(settings)
    uvicorn.run(
        create(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
