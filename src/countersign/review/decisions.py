"""Decisions on answers: once, by somebody, at a moment. The database refuses the second; this says who was first."""

from __future__ import annotations

from uuid import UUID

from ..kernel import events, sql
from ..kernel.audit import audit
from ..kernel.database import Row, Tx
from ..kernel.errors import Unauthorized
from ..knowledge.learning import service as learning
from ..knowledge.learning.models import Learned
from .models import (
    LEARN,
    MAX_CONTENT,
    MAX_REASON,
    VALIDATE,
    AlreadyDecided,
    Decision,
    NoCorrection,
    NoReason,
    NoSuchAnswer,
    NotDecided,
    NotToDecide,
)

queries = sql.load(__package__ or "")


async def validate(tx: Tx, message: UUID) -> Decision:
    """The caller answers for *message* as it is. Raises ``NoSuchAnswer``, ``NotToDecide``, ``AlreadyDecided``."""
    row = await _held(tx, message, VALIDATE, "pending", complete=True)
    return await _decide(tx, row, "pending", "validated")


async def correct(tx: Tx, message: UUID, content: str) -> Decision:
    """The caller answers for *content* instead of what *message* said, which stays beside it.

    A correction that changes nothing is a validation. Raises as ``validate``, ``NoCorrection``.
    """
    content = content.replace("\r\n", "\n").strip()
    if not content or len(content) > MAX_CONTENT:
        raise NoCorrection()
    row = await _held(tx, message, VALIDATE, "pending", complete=True)
    same = content == row["content"].strip()
    return await _decide(tx, row, "pending", "validated", content=None if same else content)


async def reject(tx: Tx, message: UUID, reason: str, *, seen: str = "pending") -> Decision:
    """*message* is wrong: it is in no history and no example any more, and what was learned from it is revoked.

    *seen* is what the caller saw it to be: ``pending``, ``validated``, ``learned``. Raises ``NoReason`` too.
    """
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON:
        raise NoReason()
    row = await _held(tx, message, VALIDATE, seen, complete=False)
    return await _decide(tx, row, seen, "rejected", reason=reason)


async def learn(tx: Tx, message: UUID, question: str | None = None, *, seen: str = "pending") -> Learned:
    """*message*, as corrected, is used again for questions like *question*. Raises as ``validate`` and learning."""
    await _held(tx, message, LEARN, seen, complete=True)
    return await learning.learn(tx, message, question)


async def _held(tx: Tx, message: UUID, permission: str, seen: str, *, complete: bool) -> Row:
    """The answer, locked, if it still is as the caller saw it."""
    if tx.caller is None or tx.caller.user_id is None:
        raise Unauthorized()
    tx.caller.require(permission)
    number = await tx.value(queries.hold_answer, uuid=message)
    if number is None:
        raise NoSuchAnswer()
    row = await tx.one(Row, queries.answer, id=number)
    if row["role"] != "assistant" or row["status"] == "streaming" or (complete and row["status"] != "complete"):
        raise NotToDecide()
    _as_seen(row, seen)
    return row


def _as_seen(row: Row, seen: str) -> None:
    if row["validation_status"] == seen:
        return
    if row["validation_status"] == "pending":
        raise NotDecided()
    raise AlreadyDecided.by(row["decided_by"], row["decided_at"], row["validation_status"])


async def _decide(
    tx: Tx, row: Row, seen: str, status: str, *, content: str | None = None, reason: str | None = None
) -> Decision:
    await tx.value(queries.decide, id=row["id"], seen=seen, status=status, content=content, reason=reason)
    verb = "correct" if content is not None else {"validated": "validate", "rejected": "reject"}[status]
    old = {"status": seen, "decided_by": row["decided_by"], "decided_at": row["decided_at"]}
    new = {"status": status, "corrected_content": content, "reason": reason}
    await audit(tx, verb, "ai_message", row["id"], old=old, new={k: v for k, v in new.items() if v is not None})
    if status == "rejected":
        await events.publish(tx, "message.rejected", message=str(row["uuid"]), reason=reason)
    else:
        await events.publish(tx, "message.validated", message=str(row["uuid"]), corrected=content is not None)
    now = await tx.one(Row, queries.answer, id=row["id"])
    return Decision(
        row["uuid"], now["validation_status"], now["decided_by"], now["decided_at"], now["corrected_content"]
    )
