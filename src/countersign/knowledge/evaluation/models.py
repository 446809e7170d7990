"""A measurement of an agent on validated questions, and what one question came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...kernel.errors import Conflict, NotFound


class NoSuchRun(NotFound):
    """There is no such measurement of this agent."""


class NothingSigned(Conflict):
    """Nobody has validated an answer of this agent yet. Validate some, then measure it."""


class NothingChanges(Conflict):
    """These settings are those that are live. Change something first."""


class NotDecidable(Conflict):
    """This trial is not complete, or it was decided already. Reload to see by whom."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A validated question: what a person signed, and the entries that it cites."""

    message_id: int
    question: str
    signed: str
    wanted: list[str]


@dataclass(frozen=True, slots=True)
class Result:
    """One question of a run; ``live`` and ``tried`` are what ``measures.one_side`` makes of an answer."""

    message_id: int
    question: str
    signed: str
    live: dict[str, Any]
    tried: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement. With *changes* it is a trial of them; *done* of *questions* are answered.

    *summary* holds ``live`` and, of a trial, ``tried``: what ``measures.summary`` makes of all answers.
    """

    id: int
    agent_id: int
    changes: dict[str, Any] | None
    note: str | None
    seen: str
    prompt_version: int
    model: str | None
    embedder: str | None
    status: str
    questions: int
    summary: dict[str, Any] | None
    error: str | None
    job_id: int | None
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    published_version: int | None
    author: str | None
    created_at: datetime
    ended_at: datetime | None
    done: int

    @property
    def going(self) -> bool:
        """Whether its job has not ended."""
        return self.status in ("pending", "running")
