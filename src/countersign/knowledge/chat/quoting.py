"""An answer without a model: the records themselves, quoted and cited."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..retrieval import service as retrieval
from ..retrieval.models import Source

MOST_QUOTED = 3
LONGEST = 1500
EXACT = 1.0  # the score of a record whose code the question names
HEAD = {
    "fr": "Aucun modèle n'a pu rédiger de réponse. Voici ce que contiennent les fiches\u00a0:",
    "en": "No model could write an answer. This is what the records hold:",
}


def quoted(sources: Sequence[Source], language: str) -> str:
    """Markdown that quotes the computed figures and the best records, each with its citation."""
    computed = [s for s in sources if s.kind == "quote"]
    named = {s.code for s in computed}
    best = [s for s in sources if s.kind != "quote"]
    # Where codes are named, or quantities of them asked for, their records alone are the answer.
    best = [s for s in best if s.code in named or s.score == EXACT] or best[:MOST_QUOTED]
    parts = [HEAD.get(language, HEAD["fr"])]
    parts += [_calculation(s) for s in computed]
    parts += [_record(s, LONGEST if place == 0 else LONGEST // 5) for place, s in enumerate(best)]
    return "\n\n".join(parts)


def left_out(answer: str, sources: Sequence[Source]) -> str:
    """The calculations of *sources* whose result *answer* does not say, as Markdown; empty when it says them all."""
    return "\n\n".join(_calculation(s) for s in sources if not retrieval.says(answer, s.content))


def _calculation(source: Source) -> str:
    first, _, _ = source.content.partition("\n")
    return f"**{first}** [{source.n}]"


def _record(source: Source, longest: int) -> str:
    text = re.sub(r"\[(?=\d)", r"\[", source.content)  # the citations of an answer are its own
    if len(text) > longest:
        text = (text[:longest].rsplit("\n", 1)[0] if "\n" in text[:longest] else text[:longest]) + "\n…"
    first, _, rest = text.partition("\n")
    lines = [f"> **{first}** [{source.n}]", *(f"> {line}" if line else ">" for line in rest.splitlines())]
    return "  \n".join(lines)
