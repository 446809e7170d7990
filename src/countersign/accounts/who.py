"""Who sent a request: by API token or by the cookie of a sign-in. Asked of the database each time, so that what is
revoked ends at once."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fastapi import Request

from ..kernel import sql
from ..kernel.access import Caller, TenantId, UserId
from ..kernel.app import App
from ..kernel.audit import audit
from ..kernel.errors import Forbidden, NotFound
from ..kernel.web import app_of

queries = sql.load(__package__ or "")

COOKIE = "countersign_session"
TENANT_HEADER = "x-countersign-tenant"
API = "api.access"  # of a token's owner, whatever the token itself is for
NO_API = "{} may not use the API: that takes the permission “api.access”, which the role api-client has."
LOCALES = ("fr", "en")
AGENT_LENGTH = 500


@dataclass(frozen=True, slots=True)
class _Bearer:
    user_id: int
    tenant_id: int
    email: str
    name: str
    locale: str | None
    permissions: list[str] | None  # None: the owner may not use the API
    is_super: bool
    token_id: int
    new_address: bool


@dataclass(frozen=True, slots=True)
class _Session:
    session_id: int
    user_id: int
    tenant_id: int
    email: str
    name: str
    locale: str | None
    permissions: list[str]
    is_super: bool
    csrf_secret: bytes
    expires_at: datetime


async def authenticate(request: Request) -> Caller | None:
    """The caller of *request*, or None. Sets ``request.state.csrf``: None for tokens, which no browser sends by itself.

    A token that is not valid is never made up for by a cookie. Raises ``Forbidden`` when the owner of a token may not
    use the API or somebody who may not names another tenant, ``NotFound`` when there is no such tenant.
    """
    request.state.csrf = None
    authorization = request.headers.get("authorization")
    if authorization is not None:
        caller = await _by_token(request, authorization)
    elif cookie := request.cookies.get(COOKIE):
        caller = await _by_cookie(request, cookie)
    else:
        return None
    if caller is not None and (word := request.headers.get(TENANT_HEADER)):
        return await _elsewhere(app_of(request), caller, word)
    return caller


def cookie_hash(cookie: str) -> bytes:
    """What the database keeps of a cookie."""
    return hashlib.sha256(cookie.encode("utf-8", "replace")).digest()


def token_hash(token: str) -> str:
    """What the database keeps of an API token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


async def _by_token(request: Request, authorization: str) -> Caller | None:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.startswith("cs_"):
        return None
    db = app_of(request).db
    found = await db.first(_Bearer, queries.caller_for_token, token=token_hash(token.strip()), ip=address_of(request))
    if found is None:
        return None
    if found.permissions is None:
        raise Forbidden(NO_API.format(found.email), permission=API)
    caller = _caller(request, found)
    if found.new_address:
        async with db.transaction(caller) as tx:
            await audit(tx, "token.new-address", "token", found.token_id, new={"ip": caller.ip})
    return caller


async def _by_cookie(request: Request, cookie: str) -> Caller | None:
    app = app_of(request)
    found = await app.db.first(_Session, queries.caller_for_session, token=cookie_hash(cookie))
    if found is None:
        return None
    request.state.csrf = bytes(found.csrf_secret).hex()
    caller = _caller(request, found)
    hours = app.settings.session_hours
    # Written once in a twentieth of its life, not with every request.
    if found.expires_at - datetime.now(UTC) < timedelta(hours=hours) * 0.95:
        async with app.db.transaction(caller) as tx:
            await tx.run(queries.extend_session, id=found.session_id, hours=hours)
    return caller


async def _elsewhere(app: App, caller: Caller, word: str) -> Caller:
    async with app.db.transaction(caller, read_only=True) as tx:
        tenant = await tx.value(queries.tenant_by_word, word=word)
    if tenant is None and caller.is_super:
        raise NotFound("There is no such organisation.")
    return caller.in_tenant(TenantId(tenant or 0))


def _caller(request: Request, found: _Bearer | _Session) -> Caller:
    return replace(
        visitor(request),
        tenant_id=TenantId(found.tenant_id),
        user_id=UserId(found.user_id),
        email=found.email,
        name=found.name,
        permissions=frozenset(found.permissions or ()),
        is_super=found.is_super,
        locale=locale_of(request, found.locale),
    )


def visitor(request: Request) -> Caller:
    """A caller who is nobody yet, with what the request itself tells: address, browser, request id, language."""
    return Caller(
        tenant_id=TenantId(0),
        ip=address_of(request),
        user_agent=request.headers.get("user-agent", "")[:AGENT_LENGTH] or None,
        request_id=getattr(request.state, "request_id", None),
        locale=locale_of(request),
    )


def address_of(request: Request) -> str | None:
    """The client's IP address as PostgreSQL reads it; None when there is none (a unix socket)."""
    try:
        return str(ipaddress.ip_address(request.client.host.split("%")[0])) if request.client else None
    except ValueError:
        return None


def locale_of(request: Request, chosen: str | None = None) -> str:
    """Language: the cookie ``locale``, what the user has *chosen*, the best of Accept-Language, else French."""
    for wanted in (request.cookies.get("locale"), chosen):
        if wanted in LOCALES:
            return wanted
    weighed: list[tuple[float, int, str]] = []
    for position, part in enumerate(request.headers.get("accept-language", "").split(",")[:20]):
        tag, _, weight = part.partition(";q=")
        language = tag.strip().lower().split("-")[0]
        try:
            weighed.append((-float(weight or 1), position, language))
        except ValueError:
            continue
    return next((language for weight, _, language in sorted(weighed) if language in LOCALES and weight < 0), LOCALES[0])
