"""A document is cut along its headings and sentences, loses nothing, and each passage knows where it stands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from countersign.knowledge.documents.chunks import OVERLAP, WORDS, chunks

GUIDE = """# Guide

Introduction courte.

## Démarrer

Lancez le serveur. Ouvrez la page.

### Se connecter

Saisissez votre adresse.

## Dépanner

Regardez les journaux.
"""


def test_each_section_is_a_passage_with_the_headings_above_it() -> None:
    found = chunks(GUIDE, "Guide")
    assert [(c.breadcrumb, c.content) for c in found] == [
        (("Guide",), "Introduction courte."),
        (("Guide", "Démarrer"), "Lancez le serveur. Ouvrez la page."),
        (("Guide", "Démarrer", "Se connecter"), "Saisissez votre adresse."),
        (("Guide", "Dépanner"), "Regardez les journaux."),
    ]


def test_a_long_section_is_cut_between_sentences_and_overlaps() -> None:
    sentences = [f"La phrase numéro {n} compte exactement neuf mots ici." for n in range(120)]
    found = chunks(" ".join(sentences), "Long")
    assert len(found) > 3
    assert all(len(c.content.split()) <= WORDS for c in found)
    assert all(c.content.startswith("La phrase") and c.content.endswith("ici.") for c in found)
    for one, following in zip(found, found[1:], strict=False):
        shared = one.end - following.start
        assert 0 < len(" ".join(sentences)[following.start : one.end].split()) <= OVERLAP, shared


def test_a_sentence_longer_than_a_passage_stays_whole() -> None:
    text = "mot " * (WORDS * 2)
    assert [c.content for c in chunks(text, "t")] == [text.strip()]


def test_a_lone_hash_is_no_heading() -> None:
    assert [c.content for c in chunks("#\nTexte", "t")] == ["#\nTexte"]


@given(st.text(alphabet=st.sampled_from("aé. \n#AÉ!?…"), max_size=3000))
def test_nothing_but_headings_and_white_space_is_lost(text: str) -> None:
    found = chunks(text, "t")
    covered = {i for c in found for i in range(c.start, c.end)}
    for line_start, line in _lines(text):
        heading = line.lstrip("#") != line and line.lstrip("#")[:1].isspace() and len(line) - len(line.lstrip("#")) <= 6
        if heading:
            continue
        assert all(i in covered for i in range(line_start, line_start + len(line)) if not text[i].isspace())
    assert all(c.content == text[c.start : c.end].strip() != "" for c in found)
    assert [c.position for c in found] == list(range(len(found)))


def _lines(text: str) -> list[tuple[int, str]]:
    starts, at = [], 0
    for line in text.split("\n"):
        starts.append((at, line))
        at += len(line) + 1
    return starts
