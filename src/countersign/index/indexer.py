"""The indexer: reads what changed, posts its words, embeds what is new, stores the vectors. Its state is in the rows.

Every changed entry is read first, so that its words are searchable within seconds; then the vectors follow, which take
longer. Whatever stops a run, the next one goes on where the rows say.
"""

from __future__ import annotations

from ..kernel import sql
from ..kernel.access import Caller, TenantId, system
from ..kernel.app import App
from ..kernel.errors import Conflict
from ..providers.embedders import embedder
from . import generations
from .embedding import Embedding
from .models import Collection
from .reading import read, remove
from .run import Progress, Report, Run
from .vectors import backend_name

queries = sql.load(__package__ or "")


class NotRebuilt(Conflict):
    """Some entries could not be indexed, so the former generation stays. See `countersign index stats`."""


async def index(app: App, caller: Caller, collection: str, progress: Progress | None = None) -> Report:
    """Brings the caller's tenant's part of *collection* up to date; returns what was done.

    Raises what stops it (an embedder or a vector index that does not work, ``EmbedderDiffers``); what is wrong with a
    single entry is written into its row and tried again later.
    """
    run = Run(app, caller, collection, progress)
    await read(run)
    live = await _live(run)
    await remove(run, live)
    newest = live[-1].id if live else None
    if await run.count(queries.waiting_count, generation=newest):
        now = await embedder(app)
        if not any(generation.embedder == now.id for generation in live):
            first = await generations.ensure(app, collection, now)
            if first.embedder != now.id:
                raise generations.EmbedderDiffers(
                    f"Collection “{collection}” was built with {first.embedder}; the embedder is now {now.id}. Reindex "
                    f"it (`countersign index reindex {collection}`), or set the former embedder again."
                )
        else:
            await generations.ensure(app, collection, now)
        live = await _live(run)
        await Embedding(run, now, [generation for generation in live if generation.embedder == now.id]).fill()
    return run.report


async def reindex(app: App, collection: str, progress: Progress | None = None) -> Collection:
    """Builds a new generation of *collection* with the present embedder, for every tenant, and lets it answer.

    Questions are answered by the former one meanwhile, and edits reach both. Texts whose vectors are known are not
    embedded again. Interrupted, it goes on where it was. Raises ``NotRebuilt`` when entries are missing at the end.
    """
    now = await embedder(app)
    built = await generations.start(app, collection, now)
    async with app.db.transaction(system()) as tx:
        tenants: list[TenantId] = await tx.value(queries.collection_tenants, collection=collection)
    for tenant in tenants:
        await index(app, system(tenant), collection, progress)
    for tenant in tenants:
        left = await Run(app, system(tenant), collection).count(queries.unindexed_count, generation=built.id)
        if left:
            raise NotRebuilt(f"{left} entries of “{collection}” could not be indexed; the former generation stays.")
    return await generations.activate(app, built)


async def _live(run: Run) -> list[Collection]:
    """The active generation, then the one that is being built: points are written to both."""
    backend = backend_name(run.app)
    async with run.transaction(read_only=True) as tx:
        found = [await state(tx, run.collection, backend) for state in (generations.active, generations.building)]
    return [generation for generation in found if generation is not None]
