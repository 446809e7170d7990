"""A creation that is sent twice happens once: ``Idempotency-Key``, remembered by the audit row of what it made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header

from . import sql
from .database import Row, Tx
from .errors import Invalid
from .json import dumps

queries = sql.load(__package__ or "")

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)]


class KeyReused(Invalid):
    """This Idempotency-Key was used for another request within a day. Use a new key for each creation."""


@dataclass(frozen=True, slots=True)
class Once:
    """*made* is the id of what the same request made before; else *tags* go into the audit row of the creation."""

    made: int | None = None
    tags: tuple[str, ...] = ()


async def once(tx: Tx, kind: str, key: str | None, body: Any) -> Once:
    """Whether the caller made a *kind* with *key* within a day; two at once wait for each other. Raises ``KeyReused``.

    ``seen = await once(tx, "agent", key, body)``, then ``audit(tx, "create", "agent", id, new=…, tags=seen.tags)``.
    """
    if key is None:
        return Once()
    assert tx.caller is not None
    mark = f"once:{_digest([tx.caller.user_id, kind, key])}"
    sent = f"sent:{_digest(body)}"
    await tx.run(queries.lock_key, key=mark)
    earlier = await tx.first(Row, queries.made_once, kind=kind, tag=mark)
    if earlier is None:
        return Once(tags=(mark, sent))
    if sent not in earlier["tags"]:
        raise KeyReused()
    return Once(made=earlier["made"])


def _digest(value: Any) -> str:
    return hashlib.sha256(dumps(value).encode(errors="surrogatepass")).hexdigest()[:40]
