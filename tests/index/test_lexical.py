"""The lexical half, in SQL: which words a text has, BM25 against a plain computation, statistics that stay exact."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from typing import Any

import psycopg
import pytest

from countersign.kernel.access import Caller, system
from countersign.kernel.database import Database
from tests.conftest import Tenants

Connection = psycopg.AsyncConnection[Any]
ADD = """
INSERT INTO index_entries (id, collection, kind, source_table, source_id, title, code, code_key, content, is_stale)
VALUES (gen_random_uuid(), 'c', %(kind)s, 'things', %(source)s, %(title)s, %(code)s, index_code(%(code)s), %(content)s, false)
RETURNING no
"""


async def add(db: Database, caller: Caller, *texts: str, kind: str = "thing", code: str | None = None) -> list[int]:
    """Entries with their words."""
    async with db.transaction(caller) as tx:
        start = await tx.value("SELECT count(*) FROM index_entries")
        nos = [
            await tx.value(ADD, kind=kind, source=start + n, title=None, code=code, content=text)
            for n, text in enumerate(texts)
        ]
        await tx.run("SELECT refresh_words(%(nos)s)", nos=nos)
    return nos


async def search(
    db: Database, caller: Caller, question: str, kinds: list[str] | None = None, most: int = 40
) -> list[tuple[int, float]]:
    async with db.transaction(caller, read_only=True) as tx:
        rows = await tx.all(
            dict,
            "SELECT entry_no, score FROM lexical_search('c', %(q)s, %(kinds)s::text[], %(most)s)",
            q=question,
            kinds=kinds,
            most=most,
        )
    return [(row["entry_no"], row["score"]) for row in rows]


async def words(db: Database, text: str) -> list[str]:
    async with db.transaction(system(), read_only=True) as tx:
        return await tx.value("SELECT tsvector_to_array(index_words(%(text)s))", text=text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("plâtre", "PLATRES"),
        ("l’enduit d'œuvre", "enduit oeuvre"),
        ("12 m²", "12 M2"),
        ("Ø40", "o40"),
        ("CLO-PLA-001", "clo pla 001"),
        ("porte‑fenêtre", "Porte-Fenêtre"),
        ("1ᵉʳ étage", "1er etage"),
        ("e\u0301cole", "école"),
    ],
)
async def test_spellings_of_one_word(db: Database, one: str, other: str) -> None:
    assert await words(db, one) == await words(db, other) != []


async def test_stop_words_and_signs_are_no_words(db: Database) -> None:
    assert await words(db, "Le prix de la cloison, s'il vous plaît : 45,50 € / m² !") == sorted(
        ["prix", "cloison", "plait", "45", "50", "m2"]
    )
    assert await words(db, "… — !? \u200b") == []
    assert await words(db, "") == []


async def test_a_huge_text_is_cut_and_a_strange_one_is_read(db: Database) -> None:
    assert "mot" in await words(db, "mot " * 200_000)
    assert await words(db, "𝔘𝔫𝔦 🏗️ \x01 é") != []


def plain_bm25(corpus: dict[int, list[str]], question: list[str]) -> dict[int, float]:
    """The formula, without a database: k1 = 1.2, b = 0.75."""
    average = sum(map(len, corpus.values())) / len(corpus)
    frequency = Counter(word for text in corpus.values() for word in set(text))
    scores: dict[int, float] = {}
    for no, text in corpus.items():
        times = Counter(text)
        score = 0.0
        for word in set(question):
            if times[word]:
                idf = math.log(1 + (len(corpus) - frequency[word] + 0.5) / (frequency[word] + 0.5))
                score += idf * times[word] * 2.2 / (times[word] + 1.2 * (0.25 + 0.75 * len(text) / average))
        if score:
            scores[no] = score
    return scores


VOCABULARY = ["cloison", "platr", "rail", "montant", "beton", "acier", "bois", "tuil", "zinc", "cuivr", "laine", "verr"]


async def test_scores_are_bm25(db: Database, tenants: Tenants) -> None:
    rng = random.Random(5)
    texts = [rng.choices(VOCABULARY, weights=range(1, 13), k=rng.randint(3, 30)) for _ in range(80)]
    nos = await add(db, tenants.a.caller, *map(" ".join, texts))
    corpus = dict(zip(nos, texts, strict=True))
    for question in ("cloison", "tuil zinc cloison", "laine verr beton beton", "inconnu"):
        expected = plain_bm25(corpus, question.split())
        found = dict(await search(db, tenants.a.caller, question, most=100))
        assert found == pytest.approx(expected)
        best = [score for _, score in await search(db, tenants.a.caller, question, most=5)]
        assert best == pytest.approx(sorted(expected.values(), reverse=True)[:5])


async def test_statistics_stay_exact_through_edits(db: Database, owner: Connection, tenants: Tenants) -> None:
    rng = random.Random(6)
    nos = await add(db, tenants.a.caller, *(" ".join(rng.choices(VOCABULARY, k=9)) for _ in range(30)))
    for _ in range(15):
        some = rng.sample(nos, 4)
        async with db.transaction(tenants.a.caller) as tx:
            for no in some:
                text = " ".join(rng.choices(VOCABULARY, k=rng.randint(0, 12)))
                await tx.run(
                    "UPDATE index_entries SET content = %(text)s, deleted_at = CASE WHEN %(gone)s THEN now() END WHERE no = %(no)s",
                    text=text,
                    gone=rng.random() < 0.3,
                    no=no,
                )
            await tx.run("SELECT refresh_words(%(nos)s)", nos=some)
    wrong = await (
        await owner.execute(
            "SELECT t.term FROM index_terms t LEFT JOIN (SELECT term_id, count(*) AS entries FROM index_postings GROUP BY 1) p"
            " ON p.term_id = t.id WHERE t.entries <> coalesce(p.entries, 0)"
        )
    ).fetchall()
    assert wrong == []
    corpus = await (await owner.execute("SELECT entries, words FROM index_corpora")).fetchone()
    true = await (
        await owner.execute("SELECT count(*), sum(words) FROM index_entries WHERE deleted_at IS NULL")
    ).fetchone()
    assert corpus == true
    orphans = await (
        await owner.execute(
            "SELECT count(*) FROM index_postings p JOIN index_entries e ON e.no = p.entry_no AND e.deleted_at IS NOT NULL"
        )
    ).fetchone()
    assert orphans == (0,)


async def test_two_writers_of_one_corpus_lose_no_count(db: Database, owner: Connection, tenants: Tenants) -> None:
    await add(db, tenants.a.caller, "cloison platre", "cloison rail")
    await add(db, tenants.a.caller, "tuile", "tuile zinc")

    async def refresh(nos: list[int]) -> None:
        async with db.transaction(tenants.a.caller) as tx:
            await tx.run("SELECT refresh_words(%(nos)s)", nos=nos)

    nos = [row[0] for row in await (await owner.execute("SELECT no FROM index_entries ORDER BY no")).fetchall()]
    await asyncio.gather(*(refresh(random.Random(n).sample(nos, 3)) for n in range(12)))
    row = await (await owner.execute("SELECT sum(entries), sum(words) FROM index_corpora")).fetchone()
    assert row == (4, 7)


async def test_rare_words_choose_when_there_are_too_many_postings(
    db: Database, owner: Connection, tenants: Tenants
) -> None:
    """Beyond the budget the best are still the best: the rare word brings the candidates, all words score them."""
    caller = tenants.a.caller
    filler = ["commun " + " ".join(f"mot{n % 7}" for n in range(i, i + 5)) for i in range(400)]
    nos = await add(db, caller, *filler, "commun rare mot1", "commun rare mot1 mot2 mot3")
    question = "commun rare mot1 mot2 mot3"
    full = await search(db, caller, question, most=2)
    # The same statistics as if each common word were in 40,000 entries: more than may be read.
    await owner.execute("UPDATE index_terms SET entries = entries + 40000 WHERE entries > 100")
    await owner.execute("UPDATE index_corpora SET entries = entries + 100000, words = words + 600000")
    pruned = await search(db, caller, question, most=2)
    assert {no for no, _ in pruned} == {no for no, _ in full} == set(nos[-2:])
    async with db.transaction(caller, read_only=True) as tx:
        whole = await tx.all(dict, "SELECT * FROM lexical_scores('c', %(q)s, NULL, %(nos)s)", q=question, nos=nos)
    scores = {row["entry_no"]: row["score"] for row in whole}
    assert dict(pruned) == pytest.approx({no: scores[no] for no, _ in pruned})


async def test_kinds_are_filtered_and_counted_together(db: Database, tenants: Tenants) -> None:
    caller = tenants.a.caller
    [ouvrage] = await add(db, caller, "cloison", kind="ouvrage")
    [document] = await add(db, caller, "cloison porte", kind="document")
    assert {no for no, _ in await search(db, caller, "cloison")} == {ouvrage, document}
    assert [no for no, _ in await search(db, caller, "cloison", ["document"])] == [document]
    assert await search(db, caller, "cloison", []) == []
    assert await search(db, caller, "porte", ["ouvrage"]) == []


async def test_tenants_have_words_of_their_own(db: Database, tenants: Tenants) -> None:
    [mine] = await add(db, tenants.a.caller, "cloison")
    await add(db, tenants.b.caller, "cloison", "cloison porte")
    assert [no for no, _ in await search(db, tenants.a.caller, "cloison porte")] == [mine]
    async with db.transaction(None) as tx:
        for table in ("index_entries", "index_terms", "index_postings", "index_corpora"):
            assert await tx.value(f"SELECT count(*) FROM {table}") == 0


CODES = "SELECT count(*) FROM code_search('c', %(q)s, NULL, 10)"


@pytest.mark.parametrize(
    ("code", "question", "named"),
    [
        ("CLO-PLA-001", "Prix de la CLO-PLA-001 ?", True),
        ("CLO-PLA-001", "prix de 25 m² de clo-pla-001", True),
        ("CLO-PLA-001", "clopla001", True),
        ("CLO-PLA-001", "la CLO PLA 001, combien", True),
        ("CLO-PLA-001", "CLO-PLA-0012", False),
        ("CLO-PLA-001", "CLO-PLA-002", False),
        ("R48", "combien de rails R48", True),
        ("25", "prix de 25 m²", False),
        ("001", "étape 001", False),
        ("3760123456789", "EAN 3760123456789", True),
        ("BETON", "du béton armé", False),
        ("BETON", "le code BETON", True),
        ("A.B", "le code A.B ici", True),
        ("A.B", "a b", False),
        ("É-7", "code é7", True),
        ("---", "---", False),
    ],
)
async def test_codes_named_in_a_question(db: Database, tenants: Tenants, code: str, question: str, named: bool) -> None:
    await add(db, tenants.a.caller, "texte", code=code)
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        assert await tx.value(CODES, q=question) == int(named)
    async with db.transaction(tenants.b.caller, read_only=True) as tx:
        assert await tx.value(CODES, q=question) == 0


async def test_a_question_of_8000_characters_is_answered(db: Database, tenants: Tenants) -> None:
    [no] = await add(db, tenants.a.caller, "cloison en plâtre", code="CLO-PLA-001")
    question = " ".join(f"mot{n}" for n in range(1100)) + " cloison"
    assert [found for found, _ in await search(db, tenants.a.caller, question)] == [no]
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        assert await tx.value(CODES, q="CLO-PLA-001 " + question) == 1
