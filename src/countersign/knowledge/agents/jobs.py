"""Background work of agents: their collections exist before anything is in them."""

from __future__ import annotations

from typing import Any

from ...index import generations
from ...kernel.jobs import JobContext, job
from ...providers.embedders import embedder
from .collections import ENSURE


@job(ENSURE, attempts=20)
async def ensure(ctx: JobContext, collection: str) -> dict[str, Any]:
    """The collection exists for the present embedder."""
    made = await generations.ensure(ctx.app, collection, await embedder(ctx.app))
    return {"collection": made.name, "generation": made.generation, "embedder": made.embedder}
