"""The thresholds of the shipped profile fit the embedder that is served, on questions nobody wrote for us."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from countersign.knowledge.learning import sameness
from countersign.providers.embedders import embedder
from countersign.stack.embedder import Embedder as EmbedderServer

PIAF = Path(__file__).parents[3] / "shared" / "data" / "piaf-dev.json"
EVERY = 16  # one article in sixteen: 23 paragraphs, 115 questions


async def test_the_right_paragraph_passes_and_the_others_do_not(
    application: Callable[..., Any], e5: EmbedderServer
) -> None:
    if not PIAF.exists():
        pytest.skip("piaf-dev.json is not beside this checkout: the thresholds are not measured again")
    articles = json.loads(PIAF.read_text())["data"][::EVERY]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    asked = [(qa["question"], n) for n, paragraph in enumerate(paragraphs) for qa in paragraph["qas"]]
    found = await embedder(await application(local_embedder_url=e5.url))
    passages = await found.passages([paragraph["context"] for paragraph in paragraphs])
    questions = np.array([await found.query(question) for question, _ in asked])
    gold = np.array([n for _, n in asked])

    scores = questions @ passages.T
    right = scores.argmax(axis=1) == gold
    assert right.mean() > 0.65
    least = found.profile.min_score
    assert least is not None
    assert (scores[right, gold[right]] >= least).mean() > 0.93
    others = np.ones_like(scores, dtype=bool)
    others[np.arange(len(gold)), gold] = False
    assert (scores[others] < least).mean() > 0.9

    nearest = questions @ questions.T
    np.fill_diagonal(nearest, -1)
    direct = found.profile.direct_threshold
    assert direct is not None
    assert (nearest.max(axis=1) >= direct).mean() < 0.25
    # The cosine lets other questions through, since it must let every wording of one through: the words decide.
    read = [sameness.read(question, "fr") for question, _ in asked]
    near = np.argwhere(np.triu(nearest, 1) >= direct)
    assert len(near) > 10
    assert [asked[a][0] for a, b in near if sameness.difference(read[a], read[b]) is None] == []
