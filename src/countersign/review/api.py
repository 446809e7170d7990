"""JSON routes: the inbox, and decisions on answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from ..kernel.json import dumps
from ..kernel.lists import PER_PAGE, After, Choice, Limit, cursor, place
from ..kernel.web import Clean, House, Router, Who
from ..knowledge.learning.models import Learned
from . import decisions, service
from .models import LEARN, MAX_CONTENT, MAX_REASON, VALIDATE, Decision, Entry, Filter

routes = Router(prefix="/api/v1", tags=["review"])

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Reason = Annotated[
    Literal["suspended", "unsupported", "negative", "no-source", "uncited", "weak", "degraded"] | None, Query()
]
Days = Annotated[int | None, Query(ge=1, le=3650, description="Only what is older than so many days.")]
Status = Annotated[
    Literal["waiting", "decided", "validated", "corrected", "rejected", "learned", "renewed", "revoked", "replaced"],
    Query(),
]
Seen = Annotated[Literal["pending", "validated", "learned"], Field(description="What you saw it to be.")]


class Correction(BaseModel):
    """What the answer should have said."""

    model_config = ConfigDict(extra="forbid")
    corrected_content: Clean = Field(min_length=1, max_length=MAX_CONTENT)


class Rejection(BaseModel):
    """Why the answer is wrong; never shown as an answer."""

    model_config = ConfigDict(extra="forbid")
    reason: Clean = Field(min_length=1, max_length=MAX_REASON)
    seen: Seen = "pending"


class Learning(BaseModel):
    """The question that the answer is learned for; none: the one that was asked."""

    model_config = ConfigDict(extra="forbid")
    question: Clean | None = Field(None, max_length=8_000)
    seen: Seen = "pending"


class Next(BaseModel):
    """Which of the inbox, and below which one."""

    model_config = ConfigDict(extra="forbid")
    agent: Clean | None = Field(None, max_length=100)
    reason: Clean | None = Field(None, max_length=20)
    days: int | None = Field(None, ge=1, le=3650)
    after: int | None = Field(None, ge=1, le=2**63 - 1)


def reply(value: Any, status: int = 200) -> Response:
    """JSON as the product writes it."""
    return Response(dumps(value), status, media_type="application/json")


def entry_json(entry: Entry) -> dict[str, Any]:
    """A line of the inbox as the API shows it."""
    shown = asdict(entry)
    for name in ("agent_icon", "agent_color", "rank_at"):
        del shown[name]
    return shown


def decision_json(decision: Decision) -> dict[str, Any]:
    """A decision as the API shows it."""
    return asdict(decision)


def learned_json(one: Learned) -> dict[str, Any]:
    """What was learned, as the API shows it."""
    names = ("id", "message", "question", "answer", "status", "validated_by_name", "validated_at")
    return {name: getattr(one, name) for name in names} | {"agent": one.agent_slug}


@routes.on("GET /inbox", permission=VALIDATE)
async def list_inbox(
    app: House,
    caller: Who,
    agent: Choice = None,
    reason: Reason = None,
    days: Days = None,
    status: Status = "waiting",
    after: After = None,
    limit: Limit = PER_PAGE,
) -> Response:
    """What waits for a person, worst first; with another *status* what was decided, newest first."""
    found, following = await page_of(app, caller, Filter(agent, reason, days), status, after, limit)
    return reply({"items": [entry_json(e) for e in found], "next": following})


async def page_of(
    app: House, caller: Who, which: Filter, status: str, after: str | None, limit: int
) -> tuple[list[Entry], str | None]:
    """One page of the inbox and the cursor of the next."""
    async with app.db.transaction(caller, read_only=True) as tx:
        if status == "waiting":
            found = await service.waiting(tx, which, after=place(after), limit=limit + 1)
        else:
            outcome = None if status == "decided" else status
            found = await service.decided(tx, which, outcome=outcome, after=place(after), limit=limit + 1)
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursor(last.rank_at if status == "waiting" else last.closed_at, last.id)


@routes.on("POST /inbox/next", permission=VALIDATE)
async def take_next(app: House, caller: Who, body: Next) -> Response:
    """Puts the next one into your hands for ten minutes, so that nobody else gets it; ``null`` when nothing waits."""
    async with app.db.transaction(caller) as tx:
        item = await service.take_next(tx, Filter(body.agent, body.reason, body.days), body.after)
    return reply({"item": asdict(item) if item else None})


@routes.on("POST /inbox/release", permission=VALIDATE, status_code=204)
async def release(app: House, caller: Who) -> Response:
    """Gives back whatever you have in hand and have not decided."""
    async with app.db.transaction(caller) as tx:
        await service.let_go(tx)
    return Response(status_code=204)


@routes.on("POST /messages/{uuid}/validate", permission=VALIDATE)
async def validate(app: House, caller: Who, uuid: UUID) -> Response:
    """Puts your name to an answer that waits. 409 with who and when if somebody was faster."""
    async with app.db.transaction(caller) as tx:
        return reply(decision_json(await decisions.validate(tx, uuid)))


@routes.on("POST /messages/{uuid}/correct", permission=VALIDATE)
async def correct(app: House, caller: Who, uuid: UUID, body: Correction) -> Response:
    """Puts your name to another text in its place; readers see it marked as corrected, and the original beside it."""
    async with app.db.transaction(caller) as tx:
        return reply(decision_json(await decisions.correct(tx, uuid, body.corrected_content)))


@routes.on("POST /messages/{uuid}/reject", permission=VALIDATE)
async def reject(app: House, caller: Who, uuid: UUID, body: Rejection) -> Response:
    """Rejects an answer: no history, example or export holds it, and what was learned from it is revoked."""
    async with app.db.transaction(caller) as tx:
        return reply(decision_json(await decisions.reject(tx, uuid, body.reason, seen=body.seen)))


@routes.on("POST /messages/{uuid}/learn", permission=LEARN)
async def learn(app: House, caller: Who, uuid: UUID, body: Learning) -> Response:
    """Learns an answer with everything it rests on, to be used again."""
    async with app.db.transaction(caller) as tx:
        return reply(learned_json(await decisions.learn(tx, uuid, body.question, seen=body.seen)))
