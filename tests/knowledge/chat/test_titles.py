"""A conversation is named after what its first question is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.knowledge.chat.titles import LONGEST, title


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Quel est le prix au m² de la cloison CLO-PLA-001 ?", "Prix au m² de la cloison CLO-PLA-001"),
        ("Bonjour, pouvez-vous me dire quel est le délai de pose, svp ?", "Délai de pose"),
        ("combien coûtent 25 m² de X ?", "Combien coûtent 25 m² de X"),
        ("La dalle fuit", "La dalle fuit"),
        ("Can you tell me how to connect Ollama?", "How to connect Ollama"),
        ("What is the price of X?", "Price of X"),
        ("Bonjour ?", "Bonjour ?"),
        ("?", "?"),
    ],
)
def test_what_is_only_asking_is_left_out(question: str, name: str) -> None:
    assert title(question) == name


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_every_question_has_a_short_name(question: str) -> None:
    assert 0 < len(title(question)) <= 2 * LONGEST
