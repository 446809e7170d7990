"""Errors that carry their HTTP status. The docstring is the message: it says what to do next.

A message may have places, ``%(host)s``, for what the error is given by that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

from .reasons import said


class CountersignError(Exception):
    """Something went wrong here. Try again; if it lasts, give the request id to your administrator."""

    status: ClassVar[int] = 500

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        message = " ".join((type(self).__doc__ or "").split())
        self.detail = detail or (message % extra if "%(" in message else message)
        self.extra = extra
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        """Stable name of the error for programs, e.g. ``already-decided``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()


class BadRequest(CountersignError):
    """The request cannot be read. Check its format."""

    status = 400


class Unauthorized(CountersignError):
    """Sign in, or send a valid API token."""

    status = 401


class Forbidden(CountersignError):
    """You may not do this. An administrator can grant the permission."""

    status = 403


class NotFound(CountersignError):
    """There is nothing here. It may have been deleted, or the address is wrong."""

    status = 404


class Conflict(CountersignError):
    """Somebody else was faster. Reload and look again."""

    status = 409


class PreconditionFailed(CountersignError):
    """This has changed since you read it. Read it again and repeat your change."""

    status = 412


class TooLarge(CountersignError):
    """This is too large. Send less at a time."""

    status = 413


class UnsupportedMedia(CountersignError):
    """This content type is not understood here. Send application/json."""

    status = 415


class Invalid(CountersignError):
    """A value is not acceptable."""

    status = 422

    @classmethod
    def from_fields(cls, found: Sequence[Any], *, below: int = 0) -> Self:
        """What pydantic *found* wrong, in one line for each field; *below* is where the path of a field begins."""
        return cls.of_fields((".".join(map(str, one["loc"][below:])) or "body", said(one)) for one in found)

    @classmethod
    def of_fields(cls, wrong: Iterable[tuple[str, str]]) -> Self:
        """Each field that is *wrong* with the reason."""
        lines = [{"field": field, "error": error} for field, error in wrong]
        return cls(" ".join(f"{line['field']}: {line['error']}" for line in lines), errors=lines)


class UnreadableText(Invalid):
    """A text holds characters that cannot be stored (NUL, or half of a character). Remove them."""


class OutOfRange(Invalid):
    """A number or a date is too large or too small."""


class TooManyRequests(CountersignError):
    """Too many requests. Wait a moment and try again."""

    status = 429


class Unavailable(CountersignError):
    """A service that this needs does not answer. Try again in a moment."""

    status = 503


class NoInstance(Unavailable):
    """No running instance was found. Start one with `countersign up`."""


BY_STATUS: dict[int, type[CountersignError]] = {
    e.status: e
    for e in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        Conflict,
        PreconditionFailed,
        TooLarge,
        UnsupportedMedia,
        Invalid,
        TooManyRequests,
        Unavailable,
    )
}


class Raised:
    """Errors that SQL raises: ``ERRCODE 'P0409'`` is status 409, the message is the code, DETAIL speaks to the user."""

    @staticmethod
    def translate(sqlstate: str | None, message: str, detail: str | None) -> CountersignError | None:
        """The error that a SQL function meant, or None when it is not one of ours."""
        if not sqlstate or not re.fullmatch(r"P0[45]\d\d", sqlstate):
            return None
        kind = BY_STATUS.get(int(sqlstate[2:]), CountersignError)
        error = kind(detail or message)
        error.extra["reason"] = message
        return error
