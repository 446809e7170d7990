"""Learned answers, what they rest on, and what went wrong with learning one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType
from uuid import UUID

from ...kernel.errors import Conflict, Invalid, NotFound, PreconditionFailed

LearnedId = NewType("LearnedId", int)

COLLECTION = "learned_responses"
TABLE = "learned_responses"
MAY = "ai-sessions.learn"
MAX_QUESTION = 8_000
MAX_ANSWER = 50_000
SOMETHING_OPEN = ("active", "suspended")


class NoSuchLearned(NotFound):
    """There is no learned answer at this address."""


class NothingToLearn(Invalid):
    """Only a complete answer of an agent can be learned."""


class NoQuestion(Invalid):
    """A learned answer needs a question and an answer, of at most 8,000 and 50,000 characters."""


class AlreadyLearned(Conflict):
    """This answer is learned already. Open it among the learned answers to edit or renew it."""


class AnswerRejected(Conflict):
    """This answer was rejected, so it is not learned."""


class FactsChanged(Conflict):
    """A record behind this answer has changed since it was given: %(what)s. Correct the answer or ask again first."""


class NotSuspended(Conflict):
    """Only a suspended answer is renewed."""


class NotInUse(Conflict):
    """This answer is revoked or replaced: it is history. Learn or add another one."""


class NotReadable(Invalid):
    """This is no CSV file with the columns question and answer, and at most 5,000 rows."""


class LearnedChanged(PreconditionFailed):
    """Somebody else changed this learned answer meanwhile. Read it again and repeat your change."""


@dataclass(frozen=True, slots=True)
class Learned:
    """One learned answer. *message* is the answer that it was learned from, None for one that was written by hand."""

    id: LearnedId
    point_id: UUID
    agent_id: int
    agent_slug: str
    agent_name: str
    message: UUID | None
    question: str
    answer: str
    validated_by: int
    validated_by_name: str
    validated_at: datetime
    prompt_version: int | None
    model: str | None
    embedder: str | None
    status: str
    status_reason: str | None
    suspended_at: datetime | None
    replaced_by: int | None
    served_count: int
    last_served_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """Changes with every edit and every change of state, not with being served."""
        return f'"{self.id}-{self.updated_at.timestamp():.6f}"'


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, and when."""

    by: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Dependency:
    """One record that a learned answer rests on. *before*: what it said then; *found*: what it said when it changed."""

    source_table: str
    row_id: int
    label: str
    url: str | None
    before: dict[str, Any]
    found: dict[str, Any] | None
    changed_at: datetime | None

    @property
    def gone(self) -> bool:
        """The record can no longer be read."""
        return self.changed_at is not None and self.found is None


@dataclass(frozen=True, slots=True)
class Change:
    """One figure or text that differs; None: it was not there, or is not any more."""

    label: str
    url: str | None
    column: str
    before: Any
    after: Any
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """One state and wording that a learned answer had."""

    from_status: str | None
    to_status: str
    reason: str | None
    question: str
    answer: str
    actor: str | None
    created_at: datetime
