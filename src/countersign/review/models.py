"""What waits for a person, who has it in hand, and what can go wrong with deciding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NewType
from uuid import UUID

from ..kernel.errors import Conflict, Invalid, NotFound

ItemId = NewType("ItemId", int)
Verb = Literal["validate", "correct", "reject", "learn"]

VALIDATE = "ai-sessions.validate"
LEARN = "ai-sessions.learn"
HOLD_SECONDS = 600  # how long something stays in the hands of who looks at it; looking on renews it
MOST_COUNTED = 1000
LOOK_AHEAD = 20  # so many may be in others' hands until the next free one is not looked for ahead
MAX_CONTENT = 50_000
MAX_REASON = 2_000


class NoSuchItem(NotFound):
    """There is no such thing in the inbox."""


class NoSuchAnswer(NotFound):
    """There is no such answer."""


class NotToDecide(Invalid):
    """Only a complete answer of an agent can be validated or corrected. One that was stopped can be rejected."""


class NoCorrection(Invalid):
    """A correction needs a text, of at most 50,000 characters."""


class NoReason(Invalid):
    """Say why the answer is rejected, in at most 2,000 characters. The reason is never shown as an answer."""


class AlreadyDecided(Conflict):
    """%(who)s decided on this answer before you, on %(when)s: it is %(why)s."""

    @classmethod
    def by(cls, who: str | None, at: datetime | None, status: str) -> AlreadyDecided:
        """Who decided, when and how; for programs too."""
        moment = f"{at:%Y-%m-%d %H:%M} UTC" if at else None
        told = {"decided_by": who, "decided_at": at.isoformat() if at else None, "validation_status": status}
        return cls(who=who or "?", when=moment, why=status, **told)


class InOtherHands(Conflict):
    """%(who)s has this in hand now. Take another one, or come back in ten minutes."""


class NotDecided(Conflict):
    """This answer is still waiting: decide on it as it stands now."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the inbox. *held_by*: who else has it in hand now."""

    id: ItemId
    kind: str
    agent_slug: str
    agent_name: str
    agent_icon: str
    agent_color: str
    reasons: list[str]
    urgency: int
    waiting_since: datetime
    rank_at: datetime
    question: str
    held_by: str | None
    outcome: str | None
    closed_at: datetime | None
    closed_by_name: str | None


@dataclass(frozen=True, slots=True)
class Item(Entry):
    """One thing of the inbox, whole: an answer (*message*) or a suspended learned answer (*learned*)."""

    message: UUID | None
    learned: int | None
    claimed_until: datetime | None
    rejection_reason: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reviewer wants. *text*: the correction, or the reason of a rejection. *seen*: what they saw an answer be.
    *learn*: what is corrected is learned at once."""

    verb: Verb
    text: str = ""
    question: str | None = None
    seen: str = "pending"
    learn: bool = False


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reader thought of an answer."""

    who: str | None
    rating: int | None
    is_helpful: bool | None
    comment: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What an answer is now, by whom and since when."""

    message: UUID
    status: str
    decided_by: str | None
    decided_at: datetime | None
    corrected_content: str | None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the inbox: how many waited at its end, how many were decided, the median of hours that it took."""

    day: datetime
    waiting: int
    decided: int
    hours: Decimal | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of the inbox: of one agent, for one reason, older than so many days."""

    agent: str | None = None
    reason: str | None = None
    days: int | None = None
