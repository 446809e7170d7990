"""API tokens: shown once, stored as a hash, never worth more than the rights of their owner."""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ..kernel import sql
from ..kernel.audit import audit
from ..kernel.database import Tx
from ..kernel.errors import Invalid, NotFound
from ..kernel.json import dumps
from .models import EVERYTHING, Permission, Token, UnknownPermission, User
from .users import cover, cover_user
from .who import API, NO_API, token_hash

queries = sql.load(__package__ or "")

PREFIX = "cs_"
ALPHABET = string.ascii_letters + string.digits
LENGTH = 40  # 238 bits


class NewToken(NamedTuple):
    """A token in the only moment in which it can be read."""

    plain: str
    row: Token


async def create_token(
    tx: Tx, owner: User, name: str, abilities: Sequence[str] = (EVERYTHING,), expires: datetime | None = None
) -> NewToken:
    """A token of *owner*; *abilities* are permissions, or ``*`` for all that the owner holds at the time of use.

    Raises ``UnknownPermission``, ``Invalid``, also when the owner could not use it, and ``BeyondOwn`` when the caller
    could not do what the token can.
    """
    name = name.strip()
    if not name or len(name) > 255:
        raise Invalid("A name has 1 to 255 characters.")
    try:
        expires = expires and expires.astimezone(UTC)
    except OverflowError:
        raise Invalid("A token ends in the year 9999 (UTC) at the latest.") from None
    if expires is not None and expires <= datetime.now(UTC):
        raise Invalid("The token would have expired already.")
    wanted = sorted(set(abilities))
    if not wanted:
        raise Invalid("A token needs at least one ability, or * for everything that its owner may do.")
    known = {permission.slug for permission in await tx.all(Permission, queries.permissions)}
    if unknown := [slug for slug in wanted if slug not in known and slug != EVERYTHING]:
        raise UnknownPermission(f"There is no permission {', '.join(unknown)}.")
    held = set(await tx.value(queries.held_by, user=owner.id))
    if API not in held:
        raise Invalid(NO_API.format(owner.email))
    if beyond := [slug for slug in wanted if slug not in held and slug != EVERYTHING]:
        raise Invalid(f"{owner.email} may not {', '.join(beyond)}, so the token could not either.")
    if EVERYTHING in wanted or (tx.caller and tx.caller.user_id != owner.id):
        await cover_user(tx, owner.id)
    cover(tx, set(wanted) - {EVERYTHING})
    plain = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    token_id = await tx.value(
        queries.add_token, user=owner.id, name=name, token=token_hash(plain), abilities=dumps(wanted), expires=expires
    )
    new = {"name": name, "email": owner.email, "abilities": wanted, "expires_at": expires}
    await audit(tx, "token.created", "token", token_id, new=new)
    return NewToken(plain, await token(tx, token_id))


async def tokens(tx: Tx, *, user_id: int | None = None, before: int | None = None, limit: int = 50) -> list[Token]:
    """Tokens of one user, or of everybody in the tenant; newest first."""
    return await tx.all(Token, queries.tokens, user=user_id, before=before, limit=limit)


async def token(tx: Tx, token_id: int) -> Token:
    """One token. Raises ``NotFound``."""
    found = await tx.first(Token, queries.token_by_id, id=token_id)
    if found is None:
        raise NotFound("There is no such token here.")
    return found


async def revoke_token(tx: Tx, target: Token) -> None:
    """Ends a token at once."""
    await tx.run(queries.delete_token, id=target.id)
    await audit(tx, "token.revoked", "token", target.id, old={"name": target.name, "email": target.email})
