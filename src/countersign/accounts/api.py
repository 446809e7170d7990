"""JSON routes of accounts: me, tokens, users, roles."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from ..kernel.database import Tx
from ..kernel.errors import Forbidden
from ..kernel.json import dumps
from ..kernel.web import SIGNED_IN, Clean, House, Router, Who
from . import roles as role_service
from . import service
from .models import EVERYTHING, Role, Token, User

routes = Router(prefix="/api/v1", tags=["accounts"])

MAX_ID = 2**63 - 1
Number = Annotated[int, Path(ge=1, le=MAX_ID)]
Slug = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=50)]
Slugs = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=200)]
Name = Annotated[Clean, Field(min_length=1, max_length=255)]
Limit = Annotated[int, Query(ge=1, le=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewTokenBody(_Body):
    """What a token is for, what it may do, how long it lives, whose it is (oneself unless named)."""

    name: Name
    abilities: Slugs = [EVERYTHING]
    expires_at: AwareDatetime | None = None
    expires_in_days: int | None = Field(None, ge=1, le=3650)
    user: UUID | None = None

    @model_validator(mode="after")
    def _one_end(self) -> NewTokenBody:
        if self.expires_at is not None and self.expires_in_days is not None:
            raise ValueError("give expires_at or expires_in_days, not both")
        return self

    @property
    def end(self) -> datetime | None:
        """When it expires (UTC), or None."""
        return self.expires_at or (
            datetime.now(UTC) + timedelta(days=self.expires_in_days) if self.expires_in_days else None
        )


class NewUserBody(_Body):
    """A person or a program that signs in."""

    email: Annotated[Clean, Field(min_length=3, max_length=255)]
    name: Name
    password: Annotated[Clean, Field(min_length=8, max_length=1000)]
    roles: Slugs = ["user"]
    locale: Annotated[str, Field(pattern="^(fr|en)$")] | None = None


class UserBody(_Body):
    """What is absent stays; *roles* replaces all of them; a new *password* ends that person's sign-ins."""

    name: Name | None = None
    password: Annotated[Clean, Field(min_length=8, max_length=1000)] | None = None
    roles: Slugs | None = None
    locale: Annotated[str, Field(pattern="^(fr|en)$")] | None = None


class NewRoleBody(_Body):
    """A role of this organisation's own."""

    slug: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=50)]
    name: Annotated[Clean, Field(min_length=1, max_length=50)]
    description: Annotated[Clean, Field(max_length=2000)] | None = None
    permissions: Slugs


class RoleBody(_Body):
    """What is absent stays; *permissions* replaces all of them."""

    name: Annotated[Clean, Field(min_length=1, max_length=50)] | None = None
    description: Annotated[Clean, Field(max_length=2000)] | None = None
    permissions: Slugs | None = None


@routes.on("GET /me", permission=SIGNED_IN)
async def me(app: House, caller: Who) -> Response:
    """Who the caller is, where, and what they may do."""
    async with app.db.transaction(caller, read_only=True) as tx:
        place = await service.place(tx)
    return _reply(
        {
            "email": caller.email,
            "name": caller.name,
            "locale": caller.locale,
            "is_super": caller.is_super,
            "tenant": asdict(place),
            "permissions": sorted(caller.permissions),
        }
    )


# -- tokens


@routes.on("GET /tokens", permission="api.access")
async def list_tokens(
    app: House,
    caller: Who,
    everybody: Annotated[bool, Query(alias="all")] = False,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    limit: Limit = 50,
) -> Response:
    """One's own tokens, newest first; with ``all`` those of everybody (needs ``users.manage``)."""
    if everybody:
        caller.require("users.manage")
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.tokens(tx, user_id=None if everybody else caller.user_id, before=before, limit=limit)
    return _reply({"items": [_token(t) for t in found], "next": found[-1].id if len(found) == limit else None})


@routes.on("POST /tokens", permission="api.access", status_code=201)
async def create_token(app: House, caller: Who, body: NewTokenBody) -> Response:
    """A new token; ``token`` is shown in this answer and never again."""
    async with app.db.transaction(caller) as tx:
        owner = await _owner(tx, body.user)
        made = await service.create_token(tx, owner, body.name, body.abilities, body.end)
    return _reply({"token": made.plain, **_token(made.row)}, 201)


@routes.on("DELETE /tokens/{number}", permission="api.access", status_code=204)
async def revoke_token(app: House, caller: Who, number: Number) -> Response:
    """Ends a token at once; somebody else's needs ``users.manage``."""
    async with app.db.transaction(caller) as tx:
        target = await service.token(tx, number)
        if target.user_id != caller.user_id:
            caller.require("users.manage")
        await service.revoke_token(tx, target)
    return Response(status_code=204)


async def _owner(tx: Tx, uuid: UUID | None) -> User:
    caller = tx.caller
    if caller is None or caller.user_id is None:
        raise Forbidden()
    if uuid is None:
        return await service.user_by_id(tx, caller.user_id)
    owner = await service.user(tx, uuid)
    if owner.id != caller.user_id:
        caller.require("users.manage")
    return owner


# -- users


@routes.on("GET /users", permission="users.manage")
async def list_users(
    app: House,
    caller: Who,
    q: Annotated[Clean | None, Query(max_length=200)] = None,
    after: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
    limit: Limit = 50,
) -> Response:
    """Users of this organisation; *q* is looked for in name and address."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.users(tx, q=q, after=after, limit=limit)
    return _reply({"items": [_user(u) for u in found], "next": found[-1].id if len(found) == limit else None})


@routes.on("POST /users", permission="users.manage", status_code=201)
async def create_user(app: House, caller: Who, body: NewUserBody) -> Response:
    """A new user; only roles whose rights the caller holds can be given."""
    async with app.db.transaction(caller) as tx:
        made = await service.create_user(tx, body.email, body.name, body.password, body.roles, locale=body.locale)
    return _reply(_user(made), 201)


@routes.on("GET /users/{uuid}", permission="users.manage")
async def read_user(app: House, caller: Who, uuid: UUID) -> Response:
    """One user."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply(_user(await service.user(tx, uuid)))


@routes.on("PATCH /users/{uuid}", permission="users.manage")
async def update_user(app: House, caller: Who, uuid: UUID, body: UserBody) -> Response:
    """Changes a user."""
    async with app.db.transaction(caller) as tx:
        target = await service.user(tx, uuid)
        if body.password is not None:
            await service.set_password(tx, target, body.password)
        changed = await service.update_user(tx, target, name=body.name, locale=body.locale, roles=body.roles)
    return _reply(_user(changed))


@routes.on("DELETE /users/{uuid}", permission="users.manage", status_code=204)
async def delete_user(app: House, caller: Who, uuid: UUID) -> Response:
    """Deletes a user: they can no longer come in; what they signed stays signed."""
    async with app.db.transaction(caller) as tx:
        await service.delete_user(tx, await service.user(tx, uuid))
    return Response(status_code=204)


# -- roles


@routes.on("GET /permissions", permission="roles.manage")
async def list_permissions(app: House, caller: Who) -> Response:
    """Everything that can be allowed."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply({"items": [asdict(p) for p in await role_service.permissions(tx)]})


@routes.on("GET /roles", permission="roles.manage")
async def list_roles(app: House, caller: Who) -> Response:
    """System roles and those of this organisation."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply({"items": [_role(r) for r in await role_service.roles(tx)]})


@routes.on("POST /roles", permission="roles.manage", status_code=201)
async def create_role(app: House, caller: Who, body: NewRoleBody) -> Response:
    """A new role, with permissions that the caller holds."""
    async with app.db.transaction(caller) as tx:
        made = await role_service.create_role(tx, body.slug, body.name, body.permissions, body.description)
    return _reply(_role(made), 201)


@routes.on("PATCH /roles/{slug}", permission="roles.manage")
async def update_role(app: House, caller: Who, slug: Slug, body: RoleBody) -> Response:
    """Changes a role of this organisation; system roles stay as they are."""
    async with app.db.transaction(caller) as tx:
        changed = await role_service.update_role(
            tx,
            await role_service.role(tx, slug),
            name=body.name,
            description=body.description,
            holds=body.permissions,
        )
    return _reply(_role(changed))


@routes.on("DELETE /roles/{slug}", permission="roles.manage", status_code=204)
async def delete_role(app: House, caller: Who, slug: Slug) -> Response:
    """Deletes a role of this organisation; who had it loses it."""
    async with app.db.transaction(caller) as tx:
        await role_service.delete_role(tx, await role_service.role(tx, slug))
    return Response(status_code=204)


def _token(token: Token) -> dict[str, Any]:
    return {name: value for name, value in asdict(token).items() if name != "user_id"}


def _user(user: User) -> dict[str, Any]:
    return {name: value for name, value in asdict(user).items() if name != "id"}


def _role(role: Role) -> dict[str, Any]:
    return {name: value for name, value in asdict(role).items() if name != "id"}


def _reply(value: Any, status: int = 200) -> Response:
    return Response(dumps(value), status, media_type="application/json")
