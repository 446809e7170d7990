"""Sessions, messages, and what a reader sees while an answer is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from ...kernel.errors import Conflict, Invalid, NotFound

MAX_QUESTION = 8_000
MAX_COMMENT = 4_000


class NoSuchSession(NotFound):
    """There is no such conversation here, or it is somebody else's."""


class NoSuchMessage(NotFound):
    """There is no such message here, or it is somebody else's."""


class EmptyQuestion(Invalid):
    """The question is empty. Write a few words."""


class QuestionTooLong(Invalid):
    """The question is longer than 8,000 characters. Shorten it, or put long texts into a document."""


class AnswerRunning(Conflict):
    """An answer is still being written in this conversation. Wait for it, or stop it."""


class NoSuchShare(NotFound):
    """This link leads nowhere: it was revoked, or belongs to another organisation."""


class NoQuestion(Invalid):
    """The last message must be the user's question, in text."""


class NotAnAnswer(Invalid):
    """Only an answer that is finished can be judged."""


class NoOpinion(Invalid):
    """Say something: a thumb, a rating from 1 to 5 or a comment."""


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation with one agent. *own*: the caller's, who may ask in it; others' can only be read.

    *dispatch*: how its agent was chosen, None when somebody named it.
    """

    uuid: UUID
    agent_slug: str
    agent_name: str
    agent_icon: str
    agent_color: str
    title: str | None
    message_count: int
    status: str
    external_session_id: str | None
    external_context: Any
    own: bool
    dispatch: Any
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One question or answer. ``status``: complete, streaming, stopped, interrupted, failed.

    *reply_to*: what it follows, an answer its question, a question the answer before it. *versions*: what else follows
    the same message, in the order in which it came, itself included.
    """

    id: int
    uuid: UUID
    session_uuid: UUID
    role: str
    content: str
    status: str
    reply_to: UUID | None
    rag_context: dict[str, Any] | None
    model_used: str | None
    provider: str | None
    prompt_version: int | None
    tokens_prompt: int | None
    tokens_completion: int | None
    generation_time_ms: int | None
    validation_status: str
    validated_by_name: str | None
    validated_at: datetime | None
    corrected_content: str | None
    created_at: datetime
    versions: list[UUID]

    @property
    def said(self) -> str:
        """What readers are shown first: the correction, if there is one."""
        return self.corrected_content or self.content


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation goes on: after *answer*."""

    session: UUID
    answer: UUID


@dataclass(frozen=True, slots=True)
class Share:
    """The link to a conversation up to the message *upto*; *behind*: something was said since."""

    uuid: UUID
    upto: UUID
    created_at: datetime
    behind: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link leads to, as whoever follows it may know it."""

    session: UUID
    upto: UUID
    last_id: int
    title: str | None
    agent_slug: str
    agent_name: str
    agent_icon: str
    agent_color: str
    shared_by: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Feedback:
    """What one reader thinks of an answer: a thumb, one to five, a comment."""

    message: UUID
    rating: int | None
    is_helpful: bool | None
    comment: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """The question is stored and an answer has an address."""

    session: UUID
    question: UUID
    message: UUID


@dataclass(frozen=True, slots=True)
class Sources:
    """What the answer rests on, before its first token. Items as in ``rag_context.sources``."""

    items: list[dict[str, Any]]
    retrieval_mode: str
    degraded: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is stored.

    ``notice``: ``quoted`` (no model answered), ``demonstration`` (embedded model), ``learned`` (a learned answer was
    given as it was signed) or None.
    """

    message: UUID
    status: str
    content: str
    usage: Mapping[str, int]
    checks: dict[str, Any]
    model: str | None
    prompt_version: int
    generation_time_ms: int
    notice: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer could not be made; what was written of it is stored as such."""

    message: UUID
    status: int
    code: str
    detail: str


ChatEvent: TypeAlias = Started | Sources | Token | Done | Failed
