"""Generations of a collection: the one that answers, and the one that is being built beside it."""

from __future__ import annotations

import re

from ..kernel import sql
from ..kernel.access import system
from ..kernel.app import App
from ..kernel.database import Tx
from ..kernel.errors import Conflict, Invalid
from ..providers.embedders import Embedder
from .models import Collection, UnknownCollection
from .vectors import backend_name, vector_index

queries = sql.load(__package__ or "")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


class EmbedderDiffers(Conflict):
    """The collection was built with another embedder. Reindex it, or set the former embedder again."""


class BadName(Invalid):
    """A collection is named with letters, digits, - and _, at most 100 of them."""


async def active(tx: Tx, name: str, backend: str) -> Collection | None:
    """The generation that answers questions now, None when nothing was indexed yet."""
    return await tx.first(Collection, queries.generation_in_state, name=name, backend=backend, state="active")


async def building(tx: Tx, name: str, backend: str) -> Collection | None:
    """The generation that a reindex fills."""
    return await tx.first(Collection, queries.generation_in_state, name=name, backend=backend, state="building")


async def ensure(app: App, name: str, embedder: Embedder) -> Collection:
    """The active generation of *name*, made now if there is none. Raises ``DimensionMismatch``, ``BadName``."""
    if not NAME.fullmatch(name):
        raise BadName()
    backend = backend_name(app)
    async with app.db.transaction(system()) as tx:
        found = await active(tx, name, backend)
    index = vector_index(app)
    if found is not None:
        try:
            await index.stats(name)
            return found
        except UnknownCollection:  # a backend that was begun afresh: everything is to be written again
            async with app.db.transaction(system()) as tx:
                await tx.run(queries.retire_generation, id=found.id)
    begun = await start(app, name, embedder, first=True)
    return begun if begun.state == "active" else await activate(app, begun)


async def start(app: App, name: str, embedder: Embedder, *, first: bool = False) -> Collection:
    """A generation to be built with *embedder*: the one that an interrupted reindex left, or a new one.

    With *first*, none is begun beside an active one, which somebody else may have made meanwhile: that one is returned.
    """
    backend = backend_name(app)
    index = vector_index(app)
    async with app.db.transaction(system()) as tx:
        await tx.run(queries.lock_generations, name=name)
        left = await building(tx, name, backend)
        if left is not None and (left.embedder, left.dimensions) != (embedder.id, embedder.dimensions):
            await tx.run(queries.retire_generation, id=left.id)
        made = await tx.first(
            Collection,
            queries.add_generation,
            name=name,
            backend=backend,
            embedder=embedder.id,
            dimensions=embedder.dimensions,
            first=first,
        )
        found = made or await building(tx, name, backend)
        if found is None and first:
            found = await active(tx, name, backend)
    if found is None:
        raise Conflict(f"Somebody else has just begun or ended a build of “{name}”. Try again.")
    await index.ensure(found.physical, found.dimensions)
    return found


async def activate(app: App, generation: Collection) -> Collection:
    """Lets *generation* answer from now on; the former one is dropped. Safe to repeat."""
    index = vector_index(app)
    await index.swap(generation.name, generation.physical)
    async with app.db.transaction(system()) as tx:
        await tx.run(queries.lock_generations, name=generation.name)
        await tx.run(queries.retire_former, name=generation.name, backend=generation.backend, id=generation.id)
        await tx.run(queries.activate_generation, id=generation.id)
        retired = await tx.all(
            Collection, queries.retired_generations, name=generation.name, backend=generation.backend
        )
        now = await tx.one(Collection, queries.generation, id=generation.id)
    for former in retired:
        await index.drop(former.physical)
    return now
