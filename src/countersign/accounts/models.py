"""People, their roles and their tokens, as rows; and what can go wrong when they come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, NewType
from uuid import UUID

from ..kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized

RoleId = NewType("RoleId", int)
TokenId = NewType("TokenId", int)

SUPER_ADMIN = "super-admin"
EVERYTHING = "*"


class WrongCredentials(Unauthorized):
    """The address or the password is wrong."""


class TooManySignIns(TooManyRequests):
    """Too many attempts to sign in. Wait a quarter of an hour, then try again."""


class EmailTaken(Conflict):
    """This address is in use already."""


class RoleTaken(Conflict):
    """A role of this name exists already."""


class SystemRole(Conflict):
    """System roles stay as they are. Make a role of your own."""


class BeyondOwn(Forbidden):
    """You cannot give, take or touch rights that you do not hold."""


class WeakPassword(Invalid):
    """Choose a password of 8 to 1,000 characters."""


class UnknownPermission(Invalid):
    """There is no such permission. `GET /api/v1/permissions` lists them."""


class NoSuchUser(NotFound):
    """There is no such user here."""


class NoSuchRole(NotFound):
    """There is no such role here."""


@dataclass(frozen=True, slots=True)
class User:
    """A live user of the caller's tenant; *roles* are slugs."""

    id: int
    uuid: UUID
    email: str
    name: str
    locale: str | None
    created_at: datetime
    roles: list[str]


@dataclass(frozen=True, slots=True)
class Role:
    """A set of permissions (slugs); *users* counts the live ones who hold it."""

    id: int
    slug: str
    name: str
    description: str | None
    is_system: bool
    permissions: list[str]
    users: int


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that can be allowed."""

    slug: str
    name: str
    group_name: str


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as its owner sees it afterwards: never the token itself."""

    id: int
    name: str
    abilities: list[str]
    last_used_at: datetime | None
    last_used_ip: str | None
    expires_at: datetime | None
    created_at: datetime
    user_id: int
    email: str


@dataclass(frozen=True, slots=True)
class Place:
    """The organisation that a caller is looking at."""

    id: int
    slug: str
    name: str


class SignedIn(NamedTuple):
    """What a browser gets: the value of the cookie, and the token that its forms carry."""

    cookie: str
    csrf: str
