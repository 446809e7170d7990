"""JSON routes of learned answers: listed, written by hand, edited, revoked, renewed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from ...kernel.database import Tx
from ...kernel.idempotency import Key, once
from ...kernel.json import dumps
from ...kernel.lists import Choice, Limit, Words
from ...kernel.web import Clean, House, Router, Who
from . import faq, service
from .models import MAX_ANSWER, MAX_QUESTION, MAY, Learned

routes = Router(prefix="/api/v1", tags=["learned-responses"])

SEE = "agents.view"
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Seen = Annotated[str | None, Header(alias="If-Match", max_length=200)]
Question = Annotated[Clean, Field(min_length=1, max_length=MAX_QUESTION)]
Said = Annotated[Clean, Field(min_length=1, max_length=MAX_ANSWER)]


class NewLearned(BaseModel):
    """A question and its answer, signed by who sends them."""

    model_config = ConfigDict(extra="forbid")
    agent: Annotated[str, Field(max_length=100)]
    question: Question
    answer: Said


class Wording(BaseModel):
    """Another wording; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    question: Question | None = None
    answer: Said | None = None


class Reason(BaseModel):
    """Why it is no longer used."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[Clean, Field(max_length=500)] | None = None


@routes.on("GET /learned-responses", permission=SEE)
async def list_learned(
    app: House,
    caller: Who,
    q: Words = None,
    agent: Choice = None,
    status: Literal["active", "suspended", "revoked", "replaced"] | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Limit = 50,
) -> Response:
    """Learned answers, newest first; ``before`` is the ``next`` of the page before."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await faq.listed(tx, faq.Which(q, agent, status), before=before, limit=limit + 1)
    following = found[limit - 1].id if len(found) > limit else None
    return _reply({"items": [shown(one) for one in found[:limit]], "next": following})


@routes.on("POST /learned-responses", permission=MAY, status_code=201)
async def add_learned(app: House, caller: Who, body: NewLearned, key: Key = None) -> Response:
    """A question and its answer, written by hand."""
    async with app.db.transaction(caller) as tx:
        seen = await once(tx, "learned-response", key, body.model_dump())
        if seen.made is not None:
            return _one(await service.learned(tx, seen.made), 201)
        return _one(await service.add(tx, body.agent, body.question, body.answer, tags=seen.tags), 201)


@routes.on("GET /learned-responses/{number}", permission=SEE)
async def read_learned(app: House, caller: Who, number: Number) -> Response:
    """One learned answer, the records it rests on, what changed below it, and every state that it had."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.learned(tx, number)
        more = await _more(tx, number)
    return _reply({**shown(one), **more}, etag=one.etag)


@routes.on("PATCH /learned-responses/{number}", permission=MAY)
async def edit_learned(app: House, caller: Who, number: Number, body: Wording, seen: Seen = None) -> Response:
    """Another wording, kept in the history. 412 when it was changed since *If-Match*."""
    async with app.db.transaction(caller) as tx:
        return _one(await service.edit(tx, number, question=body.question, answer=body.answer, seen=seen))


@routes.on("POST /learned-responses/{number}/revoke", permission=MAY)
async def revoke_learned(
    app: House, caller: Who, number: Number, body: Reason | None = None, seen: Seen = None
) -> Response:
    """No longer in use, for good."""
    async with app.db.transaction(caller) as tx:
        return _one(await service.revoke(tx, number, body.reason if body else None, seen=seen))


@routes.on("POST /learned-responses/{number}/renew", permission=MAY)
async def renew_learned(
    app: House, caller: Who, number: Number, body: Wording | None = None, seen: Seen = None
) -> Response:
    """A suspended answer is valid again on the records as they are now, signed by the caller."""
    said = body or Wording()
    async with app.db.transaction(caller) as tx:
        return _one(await service.renew(tx, number, question=said.question, answer=said.answer, seen=seen))


def shown(one: Learned) -> dict[str, Any]:
    """A learned answer as the API shows it."""
    kept = asdict(one)
    for inner in ("point_id", "agent_id", "validated_by", "agent_name"):
        del kept[inner]
    return {**kept, "agent": kept.pop("agent_slug"), "validated_by": kept.pop("validated_by_name")}


async def _more(tx: Tx, number: int) -> dict[str, Any]:
    return {
        "rests_on": [asdict(one) for one in await service.rests_on(tx, number)],
        "changes": [asdict(one) for one in await service.changes(tx, number)],
        "history": [asdict(one) for one in await service.history(tx, number)],
    }


def _one(one: Learned, status: int = 200) -> Response:
    answer = _reply(shown(one), status, etag=one.etag)
    if status == 201:
        answer.headers["Location"] = f"/api/v1/learned-responses/{one.id}"
    return answer


def _reply(value: Any, status: int = 200, *, etag: str | None = None) -> Response:
    return Response(dumps(value), status, {"ETag": etag} if etag else {}, "application/json")
