"""What readers think of answers: a thumb, one to five, a comment; one opinion each, which may change."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from ...kernel import sql
from ...kernel.database import Tx
from .models import Feedback, Message, NoOpinion, NotAnAnswer

queries = sql.load(__package__ or "")


async def give_feedback(
    tx: Tx, about: Message, *, rating: int | None = None, is_helpful: bool | None = None, comment: str | None = None
) -> Feedback:
    """What the caller thinks of the answer *about*, instead of what they thought before.

    Raises ``NotAnAnswer``, ``NoOpinion``.
    """
    if about.role != "assistant" or about.status == "streaming":
        raise NotAnAnswer()
    comment = (comment or "").strip() or None
    if rating is None and is_helpful is None and comment is None:
        raise NoOpinion()
    await tx.run(queries.give_feedback, message=about.id, rating=rating, is_helpful=is_helpful, comment=comment)
    return (await feedbacks(tx, [about]))[about.uuid]


async def take_feedback_back(tx: Tx, about: Message) -> None:
    """The caller has no opinion any more."""
    await tx.run(queries.take_feedback_back, message=about.id)


async def feedbacks(tx: Tx, about: Sequence[Message]) -> dict[UUID, Feedback]:
    """What the caller thinks of each of *about*, by message."""
    if not about:
        return {}
    found = await tx.all(Feedback, queries.feedbacks, messages=[one.id for one in about])
    return {one.message: one for one in found}
