"""Whether a new generation finds what was found before: the guard of a rebuild.

The questions are those whose answers a person has validated, and what must be found are the entries that these answers
cite. Rooms that know such questions register a prober.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import structlog

from ..kernel.access import TenantId, system
from ..kernel.app import App
from ..kernel.database import Tx
from ..kernel.errors import Conflict
from ..providers import embedders
from ..providers.embedders import Embedder
from ..providers.errors import EmbedderError
from .models import Collection
from .search import search

log = structlog.get_logger("index.recall")

MOST_FALL = 0.02
K = 10


class RecallFell(Conflict):
    """The new generation finds less than the present one, which stays. Look why, or reindex with --force."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A validated question, and the entries that its answer rests on."""

    question: str
    relevant: list[UUID]


Prober: TypeAlias = Callable[[Tx, str], Awaitable[list[Probe]]]
PROBERS: list[Prober] = []


def probe_with(prober: Prober) -> Prober:
    """Registers ``async def f(tx, collection) -> list[Probe]``."""
    if prober not in PROBERS:
        PROBERS.append(prober)
    return prober


async def guard(
    app: App, tenants: Sequence[TenantId], former: Collection, built: Collection, now: Embedder
) -> tuple[float, float] | None:
    """Recall@10 of *former* and of *built* over the validated questions of all *tenants*; None without any.

    Raises ``RecallFell`` when it falls by more than two points. Where the former embedder cannot be asked any more,
    what the validated answers cite counts as found by it.
    """
    probes: list[tuple[TenantId, Probe]] = []
    for tenant in tenants:
        async with app.db.transaction(system(tenant), read_only=True) as tx:
            probes += [(tenant, probe) for prober in PROBERS for probe in await prober(tx, built.name)]
    if not probes:
        return None
    after = await _recall(app, probes, built, now)
    try:
        before = await _recall(app, probes, former, await embedders.named(app, former.embedder))
    except EmbedderError as error:
        log.warning("index.former_embedder", embedder=former.embedder, reason=error.detail)
        before = 1.0
    log.info("index.recall", collection=built.name, questions=len(probes), before=before, after=after)
    if before - after > MOST_FALL + 1e-9:
        raise RecallFell(
            f"Of what {len(probes)} validated questions need, “{built.name}” finds {before:.1%} now and would find "
            f"{after:.1%} with {now.id}. The former generation stays. Look why, or reindex with --force.",
            before=before,
            after=after,
            questions=len(probes),
        )
    return before, after


async def _recall(
    app: App, probes: Sequence[tuple[TenantId, Probe]], generation: Collection, embedder: Embedder
) -> float:
    """The share of the wanted entries among the first ten, a question weighing as much as any other."""
    shares: list[float] = []
    for tenant, probe in probes:
        vector = await embedder.query(probe.question)
        found = await search(
            app, system(tenant), generation.name, probe.question, vector, K, generation=generation.physical
        )
        ids = {hit.id for hit in found.hits}
        shares.append(sum(wanted in ids for wanted in probe.relevant) / len(probe.relevant))
    return sum(shares) / len(shares)
