"""Users of a tenant. Rights are given only by those who hold them: checked here against the caller (who may be a token
with fewer rights than its owner), and again by triggers against the person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from ..kernel import sql
from ..kernel.access import system
from ..kernel.audit import audit
from ..kernel.database import Database, Tx
from ..kernel.errors import Conflict, Invalid
from . import passwords
from .models import SUPER_ADMIN, BeyondOwn, EmailTaken, NoSuchRole, NoSuchUser, Place, Role, User

queries = sql.load(__package__ or "")

FIRST_EMAIL = "admin@localhost"


async def users(tx: Tx, *, q: str | None = None, after: int = 0, limit: int = 50) -> list[User]:
    """Live users by number; *q* is looked for in name and address."""
    return await tx.all(User, queries.users, q=q or None, after=after, limit=limit)


async def user(tx: Tx, uuid: UUID) -> User:
    """One user. Raises ``NoSuchUser``."""
    return _there(await tx.first(User, queries.user_by, id=None, uuid=uuid, email=None))


async def user_by_email(tx: Tx, email: str) -> User:
    """One user by address, whatever its case. Raises ``NoSuchUser``."""
    return _there(await tx.first(User, queries.user_by, id=None, uuid=None, email=email.strip()))


async def user_by_id(tx: Tx, user_id: int) -> User:
    """One user by number. Raises ``NoSuchUser``."""
    return _there(await tx.first(User, queries.user_by, id=user_id, uuid=None, email=None))


async def place(tx: Tx) -> Place:
    """The organisation that the caller is looking at."""
    return await tx.one(Place, queries.tenant_now)


async def create_user(
    tx: Tx, email: str, name: str, password: str, roles: Sequence[str] = ("user",), *, locale: str | None = None
) -> User:
    """A new user with *roles* (slugs).

    Raises ``EmailTaken``, ``NoSuchRole``, ``BeyondOwn``, ``WeakPassword``, ``Invalid``.
    """
    email, name = email.strip(), name.strip()
    before, at, after = email.partition("@")
    if not (before and at and after) or len(email) > 255 or not email.isprintable() or " " in email:
        raise Invalid("This is not an e-mail address.")
    if not name or len(name) > 255:
        raise Invalid("A name has 1 to 255 characters.")
    stored = await passwords.hashed(password)
    user_id = await tx.value(queries.add_user, name=name, email=email, password=stored, locale=locale)
    if user_id is None:
        raise EmailTaken()
    for slug in roles:
        await _grant(tx, user_id, slug)
    await audit(tx, "user.created", "user", user_id, new={"email": email, "name": name, "roles": list(roles)})
    return await user_by_id(tx, user_id)


async def update_user(
    tx: Tx, target: User, *, name: str | None = None, locale: str | None = None, roles: Sequence[str] | None = None
) -> User:
    """Changes what is given; *roles* replaces all of them. Raises ``BeyondOwn``, ``NoSuchRole``, ``Conflict``."""
    if name is not None and not name.strip():
        raise Invalid("A name has 1 to 255 characters.")
    await tx.run(queries.change_user, id=target.id, name=name.strip() if name else None, locale=locale, password=None)
    if roles is not None:
        for slug in sorted(set(roles) - set(target.roles)):
            await _grant(tx, target.id, slug)
        for slug in sorted(set(target.roles) - set(roles)):
            role = await _role(tx, slug)
            await tx.value(queries.revoke_role, user=target.id, role=role.id)
    changed = await user_by_id(tx, target.id)
    await audit(tx, "user.updated", "user", target.id, old=_seen(target), new=_seen(changed))
    return changed


async def set_password(tx: Tx, target: User, password: str) -> None:
    """A new password; every sign-in of that person ends. Raises ``BeyondOwn``, ``WeakPassword``."""
    await cover_user(tx, target.id)
    stored = await passwords.hashed(password)
    await tx.run(queries.change_user, id=target.id, name=None, locale=None, password=stored)
    await tx.run(queries.close_sessions_of, user=target.id)
    await audit(tx, "user.password-changed", "user", target.id)


async def delete_user(tx: Tx, target: User) -> None:
    """Soft deletion. Raises ``BeyondOwn``, ``Conflict`` for oneself and for the last super-admin."""
    if tx.caller and tx.caller.user_id == target.id:
        raise Conflict("You cannot delete yourself. Ask another administrator.")
    await cover_user(tx, target.id)
    await tx.run(queries.close_sessions_of, user=target.id)
    await tx.run(queries.delete_user, id=target.id)
    await audit(tx, "user.deleted", "user", target.id, old=_seen(target))


async def first_admin(db: Database, email: str | None, password: str | None) -> tuple[str, str] | None:
    """Makes the first super-admin and returns address and password, made up where not given; None when one exists."""
    async with db.transaction(system()) as tx:
        await tx.value(queries.lock_first_admin)
        if await tx.value(queries.has_super_admin):
            return None
        address, secret = email or FIRST_EMAIL, password or passwords.made_up()
        await create_user(tx, address, "Administrator", secret, (SUPER_ADMIN,))
    return address, secret


def cover(tx: Tx, permissions: Iterable[str]) -> None:
    """Raises ``BeyondOwn`` unless the caller holds all of *permissions*; work without a person passes."""
    caller = tx.caller
    if caller is None or caller.user_id is None:
        return
    missing = sorted(set(permissions) - caller.permissions)
    if missing:
        raise BeyondOwn(f"You cannot give, take or touch rights that you do not hold: {', '.join(missing)}.")


async def cover_user(tx: Tx, user_id: int) -> None:
    """Raises ``BeyondOwn`` unless the caller holds everything that the user holds."""
    cover(tx, await tx.value(queries.held_by, user=user_id))


async def _grant(tx: Tx, user_id: int, slug: str) -> None:
    role = await _role(tx, slug)
    cover(tx, role.permissions)
    await tx.value(queries.grant_role, user=user_id, role=role.id)


async def _role(tx: Tx, slug: str) -> Role:
    role = await tx.first(Role, queries.roles, slug=slug)
    if role is None:
        raise NoSuchRole(f"There is no role {slug} here.")
    return role


def _there(found: User | None) -> User:
    if found is None:
        raise NoSuchUser()
    return found


def _seen(user: User) -> dict[str, object]:
    return {"name": user.name, "locale": user.locale, "roles": user.roles}
