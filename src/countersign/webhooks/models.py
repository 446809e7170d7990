"""Webhooks, their deliveries, and what can go wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..kernel.errors import CountersignError, Invalid

FAILURES_IN_A_ROW = 20


class UnknownEvents(Invalid):
    """%(unknown)s does not exist. Known: %(events)s, or * for all."""


class NoEvent(Invalid):
    """Choose at least one event, or * for all."""


class NoAddress(Invalid):
    """Give a whole address that begins with https://, without a name or a password."""


class NotSent(CountersignError):
    """This webhook is switched off. Activate it, then send again."""

    status = 409


class NotTaken(CountersignError):
    """The receiver answered %(code)s."""

    status = 502


class Redirected(NotTaken):
    """The receiver answered %(code)s; a redirect is not followed. Give the address where it leads."""


class TooSlow(NotTaken):
    """No whole answer within %(seconds)s s."""


class Unreachable(NotTaken):
    """The receiver cannot be reached: %(technical)s"""


class KeepsFailing(NotTaken):
    """%(count)s failures in a row; the last one: %(why)s"""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events. Its secrets never leave the database with it."""

    id: int
    name: str
    url: str
    events: list[str]
    is_active: bool
    retry_count: int
    timeout_seconds: int
    last_triggered_at: datetime | None
    success_count: int
    failure_count: int
    consecutive_failures: int
    deactivated_reason: str | None
    previous_secret_expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt; ``delivery_id`` is the same for all attempts of one delivery."""

    id: int
    webhook_id: int
    delivery_id: str
    event: str
    payload: Any
    status_code: int | None
    response_body: str | None
    response_time_ms: int | None
    status: str
    error_message: str | None
    attempt_number: int
    next_attempt_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Deliveries that are still to be made; *due* are those whose time has come."""

    total: int
    due: int


@dataclass(frozen=True, slots=True)
class Target:
    """What sending needs to know of a webhook; the secrets are still sealed."""

    url: str
    is_active: bool
    retry_count: int
    timeout_seconds: int
    secret: str
    previous_secret: str | None
    already_sent: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """How one attempt went; ``error`` is None when the receiver took it."""

    status_code: int | None
    body: str | None
    milliseconds: int
    error: str | None
