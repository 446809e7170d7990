"""The whole site in this process, for whichever caller a test wants, with records and a conversation to show."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.database import Tx
from countersign.kernel.json import dumps
from countersign.kernel.settings import Settings
from countersign.knowledge.agents import service as agents
from countersign.knowledge.chat import service as chat
from countersign.knowledge.chat import sharing
from countersign.knowledge.demo import EXPERT_BTP, SUPPORT
from countersign.knowledge.imports import files
from countersign.knowledge.imports import service as imports
from countersign.knowledge.learning import service as learning
from countersign.knowledge.ouvrages import service as ouvrages
from countersign.knowledge.retrieval.models import Source
from countersign.knowledge.tables import rows
from countersign.knowledge.tables import service as tables
from countersign.main import create

CSRF = "a-token-of-this-test"
Visit = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def site(house: App, settings: Settings) -> FastAPI:
    """The site on a database of its own, without its lifespan: the app is open already."""
    made = create(settings)
    made.state.app = house
    return made


@pytest.fixture
def visit(site: FastAPI) -> Visit:
    """``async with visit(caller, locale="fr") as client``: a browser of *caller*, or of nobody."""

    @asynccontextmanager
    async def visiting(caller: Caller | None, **cookies: str) -> AsyncIterator[httpx.AsyncClient]:
        async def authenticate(request: Request) -> Caller | None:
            request.state.csrf = CSRF if caller else None
            return caller

        site.state.authenticate = authenticate
        transport = httpx.ASGITransport(app=site, raise_app_exceptions=False)
        headers = {"Accept": "text/html,application/xhtml+xml", "X-CSRF-Token": CSRF, "Accept-Language": "fr"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://site.test", headers=headers, cookies=cookies, timeout=60
        ) as client:
            yield client

    return visiting


SIDE = (
    '{"wanted": 1, "rank": 1, "ndcg": 1, "sources": [], "text": "45,50 € [1].", "notice": null, "direct": false, "model": "m",'
    ' "figures": 1, "verified": 0, "doubtful": ["45,50 €"], "signed_figures": 1, "kept_figures": 1, "missing": [], "ms": 900,'
    ' "tokens": 80, "cost_usd": "0.01"}'
)
SUM = (
    '{"questions": 1, "ranked": 1, "r1": 1, "r5": 1, "ndcg10": 1, "figures": 0, "signed_figures": 1, "direct": 0, "failed": 0,'
    ' "ms_median": 900, "ms_p95": 900, "tokens": 80, "cost_usd": null}'
)
TRIAL = (
    "INSERT INTO evaluation_runs (agent_id, changes, seen, prompt_version, questions) SELECT id, '{\"system_prompt\": \"Autre.\"}', '', 1, 1"
    " FROM agents WHERE slug = 'expert-btp'"
)
TRIED = (
    "WITH told AS (INSERT INTO evaluation_results (run_id, message_id, question, signed, live, tried)"
    f" SELECT r.id, m.id, 'Quel prix ?', '45,50 €', '{SIDE}', '{SIDE.replace('45,50 € [1].', 'Il coûte 45,50 €.')}'"
    " FROM evaluation_runs r, ai_messages m WHERE m.role = 'assistant' LIMIT 1)"
    f" UPDATE evaluation_runs SET status = 'running', summary = '{{\"live\": {SUM}, \"tried\": {SUM}}}'"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the pages show: one ouvrage of each kind, a conversation with one answer."""

    caller: Caller
    ouvrage: int
    supply: int
    session: UUID
    question: UUID
    answer: UUID
    webhook: int
    file: UUID
    brought: int
    share: UUID


@pytest.fixture
async def sample(house: App, caller: Callable[..., Caller]) -> Sample:
    """A small price library, both agents of the demonstration, one answered question of the caller."""
    everything = caller("*")
    async with house.db.transaction(everything) as tx:
        for values in (EXPERT_BTP, SUPPORT):
            await agents.add(tx, values)
        await tx.run(LIBRARY)
        await tx.run(COMPOSITION)
        one = await ouvrages.by_code(tx, "CLO-PLA-001")
        supply = await ouvrages.by_code(tx, "F-PLA")
        columns = [
            {"name": "code", "type": "string"},
            {"name": "price", "type": "decimal"},
            {"name": "more", "type": "json"},
        ]
        table = await tables.create(tx, "modeles", {"columns": columns}, template="{{code}}")
        await rows.add(tx, table, {"code": "M-1", "price": "12.5", "more": {"a": 1}})
        session = await chat.open_session(tx, "expert-btp", title="Prix de la cloison")
        question, answer = await add_answer(tx, session.uuid, one.id)
        share = (await sharing.share(tx, session.uuid)).uuid
        await learning.add(tx, "expert-btp", "Comment poser le rail ?", "À 60 cm.")
        webhook = await tx.value(
            "INSERT INTO webhooks (name, url, secret, events) VALUES ('ERP', 'https://erp.example/hook', 'sealed', '[\"*\"]') RETURNING id"
        )
        await tx.run(
            "INSERT INTO webhook_logs (webhook_id, delivery_id, event, payload, status) "
            "VALUES (%(webhook)s, 'msg_1', 'import.failed', '{}', 'failed')",
            webhook=webhook,
        )
        await tx.run(TRIAL)
        await tx.run(TRIED)
        await tx.run("UPDATE evaluation_runs SET status = 'completed'")
    file = await files.keep(house, everything, "prix.csv", io.BytesIO(b"code;nom;unite;prix\nP-1;Vis;u;1,5\n"))
    found = await files.first_rows(house, everything, file)
    async with house.db.transaction(everything) as tx:
        brought = await imports.begin(tx, file, await imports.proposed(tx, found), dry_run=True)
    return Sample(everything, one.id, supply.id, session.uuid, question, answer, webhook, file.uuid, brought, share)


async def add_answer(
    tx: Tx, session: UUID, ouvrage_id: int, status: str = "complete", **context: Any
) -> tuple[UUID, UUID]:
    """A question and its answer in *session*; *context* changes what the answer rests on."""
    row = await tx.one(dict, "SELECT id FROM ai_sessions WHERE uuid = %(u)s", u=session)
    added = await tx.one(
        dict,
        chat.queries.add_exchange,
        session=row["id"],
        content="Quel est le prix ?",
        title="Prix",
        silence=30,
        after=None,
        instead_of=None,
        prompt_version=1,
    )
    if status != "streaming":
        await tx.run(
            chat.queries.save_answer,
            id=added["answer_id"],
            content=CONTENT,
            status=status,
            rag_context=dumps({**await _context(tx, ouvrage_id), **context}),
            model="smollm2",
            provider="local",
            tokens_prompt=800,
            tokens_completion=40,
            ms=1234,
            validated_by=None,
            validated_at=None,
        )
    return added["question"], added["answer"]


async def _context(tx: Any, ouvrage_id: int) -> dict[str, Any]:
    from countersign.knowledge.retrieval.hydrate import hydrator

    found = await hydrator("ouvrages").records(tx, [ouvrage_id], ["*"], ["components"], "fr")
    record = found[ouvrage_id]
    source = Source(
        1,
        "entry",
        "ouvrage",
        record.title,
        record.text,
        record.code,
        record.url,
        "ouvrages",
        ouvrage_id,
        record.hash,
        0.03,
        0.9,
        1,
        1,
    )
    start = CONTENT.index("3 jours")
    doubt = {
        "text": "3 jours",
        "value": "3",
        "unit": "j",
        "status": "unsupported",
        "source": None,
        "start": start,
        "end": start + 7,
        "how": None,
    }
    return {
        "sources": [source.as_json()],
        "hydrated_data": {"entry": {"row": record.row, "relations": record.relations}},
        "retrieval_mode": "SQL_HYDRATION",
        "query": "prix",
        "degraded": None,
        "prompt_version": 1,
        "checks": {"numbers": [doubt]},
        "notice": "demonstration",
        "fallback": False,
    }


CONTENT = "Le prix de **CLO-PLA-001** est de 45,50 €/m² [1]. Comptez 3 jours."
LIBRARY = """
INSERT INTO ouvrages (code, name, description, type, category, unit, unit_price, technical_specs) VALUES
    ('CLO-PLA-001', 'Cloison 72/48 <b>', 'Pose comprise', 'compose', 'Cloisons', 'm²', 45.50, '{"epaisseur": "72 mm"}'),
    ('F-PLA', 'Plaque BA13', NULL, 'fourniture', 'Cloisons', 'm²', 12.25, '{}'),
    ('MO-PLA', 'Plaquiste', NULL, 'main_oeuvre', 'Cloisons', 'h', 42.00, '{}'),
    ('X-NUL', '=Sans prix', NULL, 'simple', NULL, 'U', NULL, '{}')
"""
COMPOSITION = """
INSERT INTO ouvrage_components (parent_id, component_id, quantity, sort_order)
SELECT p.id, c.id, q.quantity, q.place FROM (VALUES ('F-PLA', 2.0, 1), ('MO-PLA', 0.5, 2)) AS q(code, quantity, place)
JOIN ouvrages c ON c.code = q.code JOIN ouvrages p ON p.code = 'CLO-PLA-001'
"""
