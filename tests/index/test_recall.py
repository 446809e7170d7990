"""The guard of a rebuild: a new generation answers only when validated questions find what they found."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest
from structlog.testing import capture_logs

from countersign.index import indexer, recall
from countersign.index.models import point_id
from countersign.index.recall import Probe, RecallFell
from countersign.kernel.database import Tx
from countersign.providers.embedders import Embedders
from tests.index.conftest import Shop, WordEmbedder

MEANINGS = {"gypse": "platre", "logis": "maison"}


class Wise(WordEmbedder):
    """Knows what words mean."""

    def _vector(self, text: str) -> Any:
        for word, meaning in MEANINGS.items():
            text = text.replace(word, meaning)
        return super()._vector(text)


class Blind(WordEmbedder):
    """Sees no difference."""

    def _vector(self, text: str) -> Any:
        return np.full(self.dimensions, self.dimensions**-0.5, np.float32)


def asked(monkeypatch: pytest.MonkeyPatch, probes: dict[int, list[Probe]]) -> None:
    """Validated questions, by tenant."""

    async def prober(tx: Tx, collection: str) -> list[Probe]:
        assert collection == "things" and tx.caller is not None
        return probes.get(tx.caller.tenant_id, [])

    monkeypatch.setattr(recall, "PROBERS", [prober])


async def filled(shop: Shop, embedder: WordEmbedder) -> list[UUID]:
    """Forty things; the first two are about plaster and houses."""
    shop.app._made[Embedders] = shop.embedder = embedder
    things = await shop.add("platre", "maison", *(f"objet {n}" for n in range(38)))
    await shop.index()
    return [point_id("thing", "things", thing) for thing in things]


def use(shop: Shop, embedder: WordEmbedder, *, former: bool) -> None:
    embedder.formers = {shop.embedder.id: shop.embedder} if former else {}
    shop.app._made[Embedders] = shop.embedder = embedder


@pytest.mark.parametrize("former", [True, False], ids=["former embedder answers", "former embedder is gone"])
async def test_an_embedder_that_finds_less_is_not_swapped_in(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, former: bool
) -> None:
    ids = await filled(shop, Wise("fake:wise"))
    asked(monkeypatch, {shop.a.id: [Probe("gypse", [ids[0]]), Probe("logis", [ids[1]])]})
    use(shop, Blind("fake:blind", 32), former=former)
    with pytest.raises(
        RecallFell, match=r"2 validated questions need.*100\.0% now and would find 0\.0% with fake:blind"
    ):
        await indexer.reindex(shop.app, "things")
    found = await shop.find("gypse", vector=await Wise("fake:wise").query("gypse"), embedder="fake:wise")
    assert (found.hits[0].id, found.degraded) == (ids[0], None)
    built = await indexer.reindex(shop.app, "things", force=True)
    assert (built.embedder, built.state) == ("fake:blind", "active")


async def test_an_embedder_that_finds_as_much_is_swapped_in(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await filled(shop, Wise("fake:wise"))
    asked(monkeypatch, {shop.a.id: [Probe("gypse", [ids[0]])]})
    use(shop, Wise("fake:other", 48), former=True)
    with capture_logs() as logs:
        assert (await indexer.reindex(shop.app, "things")).embedder == "fake:other"
    [told] = [entry for entry in logs if entry["event"] == "index.recall"]
    assert (told["questions"], told["before"], told["after"]) == (1, 1.0, 1.0)


async def test_a_fall_of_two_points_is_allowed_and_no_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await filled(shop, Wise("fake:wise"))
    same = [Probe("platre", [ids[0]])]  # found by its word
    use(shop, Blind("fake:blind", 32), former=True)
    asked(monkeypatch, {shop.a.id: [*same * 48, Probe("gypse", [ids[0]])]})
    with pytest.raises(RecallFell):
        await indexer.reindex(shop.app, "things")
    asked(monkeypatch, {shop.a.id: [*same * 49, Probe("gypse", [ids[0]])]})
    assert (await indexer.reindex(shop.app, "things")).state == "active"


async def test_each_tenants_questions_are_asked_of_its_own_records(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await filled(shop, Wise("fake:wise"))
    [other] = await shop.add("platre", tenant=shop.b)
    await shop.index(shop.b)
    theirs = point_id("thing", "things", other)
    asked(monkeypatch, {shop.a.id: [Probe("gypse", [ids[0]])], shop.b.id: [Probe("gypse", [theirs])]})
    assert (await indexer.reindex(shop.app, "things")).generation == 2


async def test_without_validated_questions_nothing_is_held_back(shop: Shop) -> None:
    await filled(shop, Wise("fake:wise"))
    use(shop, Blind("fake:blind", 32), former=True)
    assert (await indexer.reindex(shop.app, "things")).embedder == "fake:blind"
