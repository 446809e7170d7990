"""Signing in and out with a browser. Sign-ins live in PostgreSQL; the cookie is random and only its hash is kept."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace

from ..kernel import sql
from ..kernel.access import DEFAULT_TENANT, Caller, TenantId, UserId
from ..kernel.app import App
from ..kernel.audit import audit
from ..kernel.errors import Forbidden
from . import passwords
from .models import SignedIn, TooManySignIns, WrongCredentials
from .who import COOKIE, cookie_hash

__all__ = ["COOKIE", "sign_in", "sign_out", "switch_tenant"]

queries = sql.load(__package__ or "")

WINDOW_SECONDS = 900
FAILURES_OF_ACCOUNT = 10
FAILURES_OF_ADDRESS = 50
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _Recent:
    by_email: int
    by_ip: int


@dataclass(frozen=True, slots=True)
class _Known:
    user_id: int
    tenant_id: int
    email: str
    name: str
    password: str
    locale: str | None


def _door(_: App) -> asyncio.Semaphore:
    """Bounds the memory that hashing takes, and how many guesses can be under way before the first is counted."""
    return asyncio.Semaphore(AT_ONCE)


async def sign_in(app: App, email: str, password: str, ip: str | None = None, agent: str | None = None) -> SignedIn:
    """Opens a sign-in of ``session_hours``.

    Raises ``WrongCredentials`` (same message and same time whether the address is known or not), ``TooManySignIns``.
    """
    email = email.strip() if email.isprintable() and len(email) <= 255 else ""
    async with app.once(_door):
        async with app.db.transaction(None) as tx:
            recent = await tx.one(_Recent, queries.recent_attempts, email=email, ip=ip, within=WINDOW_SECONDS)
            if recent.by_email >= FAILURES_OF_ACCOUNT or recent.by_ip >= FAILURES_OF_ADDRESS:
                raise TooManySignIns(retry_after=WINDOW_SECONDS)
            known = await tx.first(_Known, queries.user_for_sign_in, email=email)
        right = await passwords.matches(known.password if known else None, password)
        caller = Caller(
            tenant_id=TenantId(known.tenant_id) if known else DEFAULT_TENANT,
            email=email,
            ip=ip,
            user_agent=(agent or "")[:500] or None,
        )
        if known and right:
            return await _open(app, replace(caller, user_id=UserId(known.user_id), name=known.name), known, password)
        async with app.db.transaction(caller) as tx:
            await tx.run(queries.record_attempt, email=email, ip=ip, succeeded=False)
            await audit(tx, "sign-in.failed", "user", known.user_id if known else None, new={"email": email})
    raise WrongCredentials()


async def _open(app: App, caller: Caller, known: _Known, password: str) -> SignedIn:
    cookie, csrf = secrets.token_urlsafe(32), secrets.token_bytes(16)
    better = await passwords.hashed(password) if passwords.outdated(known.password) else None
    async with app.db.transaction(caller) as tx:
        await tx.run(queries.record_attempt, email=caller.email, ip=caller.ip, succeeded=True)
        opened = await tx.value(
            queries.open_session,
            user=caller.user_id,
            token=cookie_hash(cookie),
            csrf=csrf,
            hours=app.settings.session_hours,
            ip=caller.ip,
            agent=caller.user_agent,
        )
        if opened is None:
            raise WrongCredentials()  # deleted in this very moment
        if better:
            await tx.run(queries.change_user, id=caller.user_id, name=None, locale=None, password=better)
        await audit(tx, "sign-in", "user", caller.user_id)
    return SignedIn(cookie, csrf.hex())


async def sign_out(app: App, caller: Caller | None, cookie: str | None) -> None:
    """Ends the sign-in of *cookie*; nothing happens when there is none."""
    if not cookie:
        return
    async with app.db.transaction(caller) as tx:
        ended = await tx.value(queries.close_session, token=cookie_hash(cookie))
        if ended and caller is not None:
            await audit(tx, "sign-out", "user", caller.user_id)


async def switch_tenant(app: App, caller: Caller, cookie: str, tenant: TenantId) -> None:
    """A super-admin's sign-in looks at *tenant* from now on. Raises ``Forbidden``."""
    async with app.db.transaction(caller) as tx:
        if not await tx.value(queries.switch_tenant, token=cookie_hash(cookie), tenant=tenant):
            raise Forbidden("Only a super-admin may look into another organisation, and it must be active.")
        await audit(tx, "tenant.switched", "tenant", tenant)
