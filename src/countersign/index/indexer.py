"""The indexer: reads what changed, posts its words, embeds what is new, stores the vectors. Its state is in the rows.

Every changed entry is read first, so that its words are searchable within seconds; then the vectors follow, which take
longer. Whatever stops a run, the next one goes on where the rows say.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from ..kernel import sql
from ..kernel.access import Caller, TenantId, system
from ..kernel.app import App
from ..kernel.errors import Conflict
from ..providers.embedders import embedder
from . import generations, recall
from .embedding import Embedding
from .models import Collection, UnknownCollection, VectorsUnavailable
from .reading import read, remove
from .run import Progress, Report, Run
from .vectors import backend_name

log = structlog.get_logger("index.indexer")
queries = sql.load(__package__ or "")

LOOKS = 3  # at which generations there are, before a run gives up


class NotRebuilt(Conflict):
    """Some entries could not be indexed, so the former generation stays. See `countersign index stats`."""


async def index(app: App, caller: Caller, collection: str, progress: Progress | None = None) -> Report:
    """Brings the caller's tenant's part of *collection* up to date; returns what was done.

    Raises what stops it (an embedder or a vector index that does not work, ``EmbedderDiffers``); what is wrong with a
    single entry is written into its row and tried again later.
    """
    run = Run(app, caller, collection, progress)
    await read(run)
    for _ in range(LOOKS):
        try:
            await _fill(run)
            return run.report
        except UnknownCollection as error:  # somebody else has just ended a generation: the next look finds which
            log.info("index.generation_ended", collection=collection, reason=error.detail)
    raise VectorsUnavailable(
        f"The vectors of “{collection}” disappear while they are written. It is tried again later."
    )


async def _fill(run: Run) -> None:
    live = await _live(run)
    await remove(run, live)
    newest = live[-1].id if live else None
    if not await run.count(queries.waiting_count, generation=newest):
        return
    now = await embedder(run.app)
    first = await generations.ensure(run.app, run.collection, now)
    if first.embedder != now.id and not any(generation.embedder == now.id for generation in live):
        raise generations.EmbedderDiffers(
            f"Collection “{run.collection}” was built with {first.embedder}; the embedder is now {now.id}. Reindex it "
            f"(`countersign index reindex {run.collection}`), or set the former embedder again."
        )
    live = await _live(run)
    await Embedding(run, now, [generation for generation in live if generation.embedder == now.id]).fill()


async def reindex(
    app: App,
    collection: str,
    progress: Progress | None = None,
    *,
    force: bool = False,
    asked: datetime | None = None,
) -> Collection:
    """Builds a new generation of *collection* with the present embedder, for every tenant, and lets it answer.

    Questions are answered by the former one meanwhile, and edits reach both. Texts whose vectors are known are not
    embedded again. Interrupted, it goes on where it was; one that was *asked* for before the present generation was
    begun is done already. Raises ``NotRebuilt`` when entries are missing at the end, and ``RecallFell`` when validated
    questions find less than before; *force* passes over the latter.
    """
    now = await embedder(app)
    async with app.db.transaction(system()) as tx:
        former = await generations.active(tx, collection, backend_name(app))
        tenants: list[TenantId] = await tx.value(queries.collection_tenants, collection=collection)
    if asked is not None and former is not None and former.created_at > asked:
        return await generations.activate(app, former)
    built = await generations.start(app, collection, now)
    for tenant in tenants:
        await index(app, system(tenant), collection, progress)
    for tenant in tenants:
        left = await Run(app, system(tenant), collection).count(queries.unindexed_count, generation=built.id)
        if left:
            raise NotRebuilt(f"{left} entries of “{collection}” could not be indexed; the former generation stays.")
    if former is not None and not force:
        await recall.guard(app, tenants, former, built, now)
    return await generations.activate(app, built)


async def _live(run: Run) -> list[Collection]:
    """The active generation, then the one that is being built: points are written to both."""
    backend = backend_name(run.app)
    async with run.transaction(read_only=True) as tx:
        found = [await state(tx, run.collection, backend) for state in (generations.active, generations.building)]
    return [generation for generation in found if generation is not None]
