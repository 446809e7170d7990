"""Learned answers: from a signed message or by hand, edited, revoked, renewed. Each keeps what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from ...index.models import point_id
from ...kernel import events, sql
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.errors import Unauthorized
from ...kernel.jobs import enqueue
from ..agents.models import NoSuchAgent
from . import dependencies, indexing
from .models import (
    COLLECTION,
    MAX_ANSWER,
    MAX_QUESTION,
    MAY,
    SOMETHING_OPEN,
    TABLE,
    AlreadyLearned,
    AnswerRejected,
    Change,
    Dependency,
    Learned,
    LearnedChanged,
    LearnedId,
    NoQuestion,
    NoSuchLearned,
    NothingToLearn,
    NotInUse,
    NotSuspended,
    Past,
    Signature,
)
from .recall import Recall, Recalled, recall

__all__ = [
    "COLLECTION",
    "Recall",
    "Recalled",
    "Signature",
    "add",
    "changes",
    "edit",
    "history",
    "learn",
    "learned",
    "recall",
    "renew",
    "rests_on",
    "revoke",
    "served",
]

queries = sql.load(__package__ or "")


async def learned(tx: Tx, number: int) -> Learned:
    """One learned answer. Raises ``NoSuchLearned``."""
    found = await all_of(tx, [number])
    if not found:
        raise NoSuchLearned()
    return found[0]


async def all_of(tx: Tx, numbers: Sequence[int]) -> list[Learned]:
    """Those of *numbers* that there are, the newest first."""
    return await listed(tx, ids=list(numbers))


async def listed(
    tx: Tx,
    *,
    ids: list[int] | None = None,
    q: str | None = None,
    agent: str | None = None,
    status: str | None = None,
    used: bool = False,
    before: int | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Learned]:
    """Learned answers that all that is given holds of; the newest first, or *used*: those that served most.

    *q* holds words of question or answer, *before* a number that all are below; without *limit* all of them.
    """
    return await tx.all(
        Learned,
        queries.learned,
        ids=ids,
        q=q or None,
        agent=agent or None,
        status=status or None,
        used=used,
        before=before,
        limit=limit,
        offset=offset,
    )


async def learn(tx: Tx, message: UUID, question: str | None = None) -> Learned:
    """Learns the answer *message* as it stands after correction, in one transaction with all that it rests on.

    *question* replaces the one that was asked. The message becomes ``learned``, signed by whoever validated it, else by
    the caller. Raises ``NothingToLearn``, ``AlreadyLearned``, ``AnswerRejected``, ``FactsChanged`` (a record says
    something else now than the answer was told, and nobody corrected it), ``NoQuestion``.
    """
    _allowed(tx)
    row = await tx.first(Row, queries.message_to_learn, uuid=message)
    if row is None or row["role"] != "assistant" or row["status"] != "complete":
        raise NothingToLearn()
    if row["validation_status"] == "rejected":
        raise AnswerRejected()
    if row["validation_status"] == "learned":
        raise AlreadyLearned()
    context: dict[str, Any] = row["rag_context"] or {}
    if not row["corrected"]:
        await dependencies.check(tx, context)
    signed = await tx.one(Row, queries.sign_message, id=row["id"])
    number = await _insert(
        tx,
        agent=row["agent_id"],
        message=row["id"],
        question=question if question is not None else row["question"],
        answer=row["answer"],
        prompt_version=row["prompt_version"],
        model=row["model_used"],
        **signed,
    )
    await take_place(tx, [number])
    await dependencies.record(tx, number, await dependencies.of(tx, context))
    await audit(tx, "learn", "learned-response", number, new={"message": str(message)})
    await events.publish(tx, "message.learned", message=str(message), learned=number, agent=row["agent_slug"])
    return await learned(tx, number)


async def add(tx: Tx, agent_slug: str, question: str, answer: str, *, tags: tuple[str, ...] = ()) -> Learned:
    """A question and its answer written by hand and signed by the caller. Raises ``NoSuchAgent``, ``NoQuestion``."""
    number = await write(tx, agent_slug, question, answer, tags=tags)
    await take_place(tx, [number])
    return await learned(tx, number)


async def write(tx: Tx, agent_slug: str, question: str, answer: str, *, tags: tuple[str, ...] = ()) -> LearnedId:
    """As ``add``, of many that are written together: whoever does calls ``take_place`` of all of them at the end."""
    _allowed(tx)
    agent = await tx.first(Row, queries.agent_of, slug=agent_slug)
    if agent is None:
        raise NoSuchAgent()
    assert tx.caller is not None
    number = await _insert(
        tx,
        agent=agent["id"],
        message=None,
        question=question,
        answer=answer,
        prompt_version=None,
        model=None,
        validated_by=tx.caller.user_id,
        validated_at=None,
    )
    await audit(tx, "create", "learned-response", number, new={"agent": agent_slug, "question": question}, tags=tags)
    await events.publish(tx, "message.learned", message=None, learned=number, agent=agent_slug)
    return number


async def edit(
    tx: Tx, number: int, *, question: str | None = None, answer: str | None = None, seen: str | None = None
) -> Learned:
    """Another wording, kept in the history. Raises ``NotInUse``, ``LearnedChanged``, ``NoQuestion``."""
    one = await _locked(tx, number, seen)
    if one.status not in SOMETHING_OPEN:
        raise NotInUse()
    asked, said = _wording(one.question if question is None else question, one.answer if answer is None else answer)
    if (asked, said) == (one.question, one.answer):
        return one
    await tx.run(queries.set_wording, id=number, question=asked, answer=said)
    await audit(
        tx,
        "update",
        "learned-response",
        number,
        old={"question": one.question, "answer": one.answer},
        new={"question": asked, "answer": said},
    )
    if one.status == "active":
        await _found(tx, one.agent_id, one.id)
    return await learned(tx, number)


async def revoke(tx: Tx, number: int, reason: str | None = None, *, seen: str | None = None) -> Learned:
    """No longer in use, for good; it stays in the history. Raises ``NotInUse``, ``LearnedChanged``."""
    one = await _locked(tx, number, seen)
    if one.status not in SOMETHING_OPEN:
        raise NotInUse()
    await tx.run(queries.set_status, id=number, status="revoked", reason=(reason or "").strip()[:500] or None)
    await audit(tx, "revoke", "learned-response", number, old={"status": one.status}, new={"reason": reason})
    await indexing.mark(tx, one.agent_id, one.id)
    return await learned(tx, number)


async def renew(
    tx: Tx, number: int, *, question: str | None = None, answer: str | None = None, seen: str | None = None
) -> Learned:
    """A suspended answer is valid again, on the facts as they are now, in its old or another wording, signed anew.

    Raises ``NotSuspended``, ``LearnedChanged``, ``NoQuestion``.
    """
    one = await _locked(tx, number, seen)
    if one.status != "suspended":
        raise NotSuspended()
    if question is not None or answer is not None:
        await edit(tx, number, question=question, answer=answer)
    await dependencies.renew(tx, one.id)
    await tx.run(queries.renew, id=number)
    await audit(tx, "renew", "learned-response", number, old={"reason": one.status_reason}, new={"status": "active"})
    await _found(tx, one.agent_id, one.id)
    return await learned(tx, number)


async def rests_on(tx: Tx, number: int) -> list[Dependency]:
    """The records behind a learned answer, those that changed first."""
    return await tx.all(Dependency, queries.dependencies, learned=number)


async def changes(tx: Tx, number: int) -> list[Change]:
    """What the records behind a suspended answer said, and what they said when it was suspended: what differs."""
    found: list[Change] = []
    for one in await rests_on(tx, number):
        if one.changed_at is None:
            continue
        for column, before in one.before.items():
            after = one.found.get(column) if one.found is not None else None
            if before != after:
                found.append(Change(one.label, one.url, column, before, after, one.gone))
    return found


async def history(tx: Tx, number: int) -> list[Past]:
    """Every state and wording that it had, newest first."""
    return await tx.all(Past, queries.history, learned=number)


async def served(tx: Tx, number: LearnedId) -> Signature | None:
    """It was given in the place of a model's answer; who signed it. None when it is not in use any more."""
    return await tx.first(Signature, queries.count_served, id=number)


async def _insert(tx: Tx, *, question: str, answer: str, agent: int, **values: Any) -> LearnedId:
    asked, said = _wording(question, answer)
    number = LearnedId(await tx.value(queries.next_id))
    point = point_id(indexing.kind_of(agent), TABLE, number)
    await tx.run(queries.add_learned, id=number, point=point, agent=agent, question=asked, answer=said, **values)
    await indexing.mark(tx, agent, number)
    return number


async def _found(tx: Tx, agent: int, number: LearnedId) -> None:
    """It can be found from now on, and takes the place of an older answer to the same question."""
    await indexing.mark(tx, agent, number)
    await take_place(tx, [number])


async def take_place(tx: Tx, numbers: Sequence[int]) -> None:
    """Soon these replace what is older and answers the same questions."""
    await enqueue(tx, "learning.replace", learned=list(numbers))


async def _locked(tx: Tx, number: int, seen: str | None) -> Learned:
    _allowed(tx)
    await tx.value(queries.lock_learned, id=number)
    one = await learned(tx, number)
    if seen is not None and seen not in ("*", one.etag):
        raise LearnedChanged()
    return one


def _wording(question: str, answer: str) -> tuple[str, str]:
    asked, said = " ".join(question.split()), answer.strip()
    if not asked or not said or len(asked) > MAX_QUESTION or len(said) > MAX_ANSWER:
        raise NoQuestion()
    return asked, said


def _allowed(tx: Tx) -> None:
    """Learning is signing: it takes a person who may."""
    if tx.caller is None or tx.caller.user_id is None:
        raise Unauthorized()
    tx.caller.require(MAY)
