"""The choice of an agent: who was chosen, for what reason, and how near the others were."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...kernel.errors import Conflict


class AgentUnclear(Conflict):
    """It is not clear which agent this question is for. Name one of ``candidates``, the nearest first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent that could answer. *score*: cosine of the question with what it says of itself and, to a third, with the
    nearest question that was validated with it; None when unknown.

    *validated*: that question is nearer than its description; its words may be somebody else's and stay unsaid.
    """

    slug: str
    name: str
    score: float | None = None
    validated: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """*agent* is a slug, or None when a person has to choose; *candidates* are in the order of their nearness.

    ``reason``: ``only`` (there is no other), ``code`` (its records hold a code that the question names),
    ``description``, ``validated`` (a question like this was validated), ``words`` (the embedder does not answer, and
    this one shares the most); with no agent: ``far`` (all are), ``close`` (two are as near), ``embedder-unreachable``
    (and the words tell nothing), ``no-agent``.
    """

    agent: str | None
    reason: str
    candidates: list[Candidate]

    def as_json(self) -> dict[str, Any]:
        """The shape that is stored with the session and sent to readers."""
        return asdict(self)
