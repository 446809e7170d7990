"""A conversation as a file: Markdown, and the parts that the PDF is set from. Rejected answers are in no export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from markdown_it import MarkdownIt

from .models import Message

WORDS = {
    "fr": {
        "question": "Question",
        "answer": "Réponse",
        "sources": "Sources",
        "rejected": "Cette réponse a été rejetée\u00a0; elle n’est pas reproduite.",
        "stopped": "Réponse arrêtée\u00a0: elle est incomplète.",
        "interrupted": "Réponse interrompue\u00a0: elle est incomplète.",
        "failed": "Cette réponse n’a pas pu être terminée.",
        "corrected": "Corrigée par une personne.",
        "signed": "Validé par {name}, le {day}",
        "unsigned": "Pas encore validé par une personne.",
        "doubts": "Chiffres non vérifiés\u00a0: {figures}",
        "and": "\u00a0; ",
        "made": "Conversation avec {agent}, exportée le {day}",
        "untitled": "Conversation",
    },
    "en": {
        "question": "Question",
        "answer": "Answer",
        "sources": "Sources",
        "rejected": "This answer was rejected; it is not reproduced.",
        "stopped": "Stopped: this answer is not complete.",
        "interrupted": "Interrupted: this answer is not complete.",
        "failed": "This answer could not be finished.",
        "corrected": "Corrected by a person.",
        "signed": "Validated by {name}, {day}",
        "unsigned": "Not yet validated by a person.",
        "doubts": "Figures that could not be verified: {figures}",
        "and": "; ",
        "made": "Conversation with {agent}, exported {day}",
        "untitled": "Conversation",
    },
}
DAY = {"fr": "%d/%m/%Y", "en": "%Y-%m-%d"}


@dataclass(frozen=True, slots=True)
class Part:
    """A question or an answer: its Markdown, what must be said of it, and its sources."""

    role: str
    heading: str
    text: str
    notes: list[str]
    sources: list[str]


def words(locale: str) -> dict[str, str]:
    """What an export says in *locale*."""
    return WORDS.get(locale, WORDS["fr"])


def parts(messages: Sequence[Message], locale: str) -> Iterator[Part]:
    """What is exported of *messages*, in their order; nothing of a rejected answer but that there was one."""
    said = words(locale)
    for message in messages:
        if message.role == "user":
            yield Part("user", said["question"], message.content, [], [])
        elif message.validation_status == "rejected":
            yield Part("assistant", said["answer"], "", [said["rejected"]], [])
        else:
            yield Part("assistant", said["answer"], message.said, list(_notes(message, locale)), _sources(message))


def _notes(message: Message, locale: str) -> Iterator[str]:
    said = words(locale)
    if message.status in ("stopped", "interrupted", "failed"):
        yield said[message.status]
    if message.corrected_content:
        yield said["corrected"]
    if message.validated_by_name and message.validated_at:
        yield said["signed"].format(name=message.validated_by_name, day=message.validated_at.strftime(DAY[locale]))
    else:
        yield said["unsigned"]
    checks = cast("dict[str, Any]", (message.rag_context or {}).get("checks") or {})
    numbers = cast("list[dict[str, Any]]", checks.get("numbers") or [])
    doubts = [str(n["text"]) for n in numbers if n.get("status") == "unsupported"]
    if doubts and not message.corrected_content:
        yield said["doubts"].format(figures=said["and"].join(dict.fromkeys(doubts)))


def _sources(message: Message) -> list[str]:
    context = message.rag_context or {}
    found = cast("list[dict[str, Any]]", context.get("sources") or [])
    return [f"[{s['n']}] " + " – ".join(str(part) for part in (s.get("code"), s.get("title")) if part) for s in found]


def markdown(title: str | None, made: str, messages: Sequence[Message], locale: str) -> str:
    """The conversation as one Markdown text. Whatever opens it loads nothing: images and HTML stay text."""
    said = words(locale)
    lines = [f"# {inert(title or said['untitled'])}", "", f"*{inert(made)}*", ""]
    for part in parts(messages, locale):
        lines += [f"## {part.heading}", ""]
        if part.text:
            lines += [inert(part.text, deeper=2), ""]
        lines += [line for note in part.notes for line in (f"> {inert(note)}", "")]
        if part.sources:
            lines += [f"**{said['sources']}**", "", *(f"- {inert(source)}" for source in part.sources), ""]
    return "\n".join(lines).rstrip() + "\n"


def inert(text: str, *, deeper: int = 0) -> str:
    """Markdown *text* whose images and HTML are text, outside of code that shows them as they are anyway; its headings
    *deeper* by so many levels."""
    # Where code begins and ends is the parser's to say: a fence that is none would let what follows it pass as code.
    fences = [token.map for token in _parser().parse(text) if token.type == "fence" and token.map]
    code = {number for first, last in fences for number in range(first, last)}
    out: list[str] = []
    for number, line in enumerate(_ENDS.split(text)):
        if number not in code:
            line = re.sub(r"<(?=[A-Za-z/!?])", r"\\<", line.replace("![", "!\\["))
            line = re.sub(rf"^( {{0,3}}#{{1,{6 - deeper}}})(?=\s)", r"\1" + "#" * deeper, line)
        out.append(line)
    return "\n".join(out)


_ENDS = re.compile(r"\r\n?|\n")  # as the parser counts lines


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})
