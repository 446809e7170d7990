"""Links by which colleagues read a conversation: as far as it was shared, until it is revoked."""

from __future__ import annotations

from uuid import UUID

from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Tx
from . import service
from .models import Message, NoSuchMessage, NoSuchSession, NoSuchShare, Share, Shared

queries = sql.load(__package__ or "")


async def share(tx: Tx, session: UUID, *, upto: UUID | None = None) -> Share:
    """A link to the caller's own conversation up to the message *upto*, the newest if None; the one there is goes on.

    Raises ``NoSuchSession``; also when nothing was said in it.
    """
    if not await tx.value(queries.share_session, session=session, upto=upto):
        raise NoSuchSession()
    await audit(tx, "share", "ai_session", None, new={"uuid": str(session)})
    found = await share_of(tx, session)
    assert found is not None
    return found


async def share_of(tx: Tx, session: UUID) -> Share | None:
    """The link that is good at this moment."""
    return await tx.first(Share, queries.share_of, session=session)


async def revoke(tx: Tx, session: UUID) -> None:
    """The link leads nowhere any more. Raises ``NoSuchShare``."""
    if not await tx.run(queries.revoke_share, session=session, user=service.whose(tx)):
        raise NoSuchShare()
    await audit(tx, "revoke_share", "ai_session", None, old={"uuid": str(session)})


async def shared(tx: Tx, share: UUID) -> Shared:
    """What the link leads to. Raises ``NoSuchShare``."""
    found = await tx.first(Shared, queries.shared, share=share)
    if found is None:
        raise NoSuchShare()
    return found


async def read(tx: Tx, link: Shared) -> list[Message]:
    """What was said up to the message that the link ends with."""
    path = await service.path(tx, link.session, at=link.upto, limit=service.MOST_MESSAGES)
    return [message for message in path if message.id <= link.last_id]


async def read_one(tx: Tx, link: Shared, uuid: UUID) -> Message:
    """One message of what is shared. Raises ``NoSuchMessage``."""
    for message in await read(tx, link):
        if message.uuid == uuid:
            return message
    raise NoSuchMessage()
