"""What is known of an embedder: how it wants to be asked, and which cosines mean something.

No threshold holds for two embedders: unrelated French texts have a cosine of 0.8 with one and of 0.2 with another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Profile:
    """Cosines are of normalised vectors. None: not measured, so nothing is cut; calibrate on validated pairs.

    ``min_score``: a passage below it does not answer the question. ``learned_min_score``: two questions at or above it
    are about the same thing. ``direct_threshold``: two questions at or above it may be the same one.
    ``agent_min_score``: an agent that lies below it is not the one to ask. ``agent_question_score``: a question that
    was validated with an agent, embedded as a passage, at or above it shows whose this one is.
    """

    min_score: float | None = None
    learned_min_score: float | None = None
    direct_threshold: float | None = None
    agent_min_score: float | None = None
    agent_question_score: float | None = None
    query_prefix: str = ""
    passage_prefix: str = ""
    dimensions: int | None = None
    measured: str = "not measured"


# The embedded multilingual-e5-small in 4 bits, on the 2,025 questions and 399 paragraphs of PIAF's development set:
# min_score       0.82 keeps 98.3 % of the right paragraphs that came first (their 2nd percentile is 0.821), and drops
#                 43 % of the best paragraphs of other articles and 99.6 % of all of them. Of the right paragraphs that
#                 did not come first it drops two fifths: judge the best hit by it, not each of many.
# learned_min     0.93: for 1.4 % of the questions one about another article is as near; fifteen French paraphrases
#                 that we wrote lie at 0.939 to 0.995.
# direct          0.94: every one of 204 rewordings of forty-one questions of labour law that say the same word for word
#                 reaches it. So do questions that differ in one figure, code or word (0.917 to 0.999), and some about
#                 another article: knowledge/learning/sameness.py compares the words, and decides.
# agent_min      0.79: of 72 questions about six agents (tests/knowledge/dispatch/questions.json) 96 % of those that are
#                nearest to the right one lie at or above it; of twelve about nothing of theirs, seven lie below.
# agent_question 0.90: no two of those 72 that are for different agents are as near (0.890); each is to itself (0.937).
LOCAL_E5 = Profile(
    min_score=0.82,
    learned_min_score=0.93,
    direct_threshold=0.94,
    agent_min_score=0.79,
    agent_question_score=0.90,
    dimensions=384,
    measured="PIAF development set, 2,025 questions on 399 paragraphs",
)

INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "
SEARCH = "Represent this sentence for searching relevant passages: "

# The first pattern found in a model's name counts. Prefixes and sizes are those of the models' own cards.
KNOWN: tuple[tuple[str, Profile], ...] = (
    (r"e5.*instruct", Profile(query_prefix=INSTRUCT)),
    (r"\be5\b", Profile(query_prefix="query: ", passage_prefix="passage: ")),
    (r"nomic-embed", Profile(query_prefix="search_query: ", passage_prefix="search_document: ")),
    (
        r"embeddinggemma",
        Profile(query_prefix="task: search result | query: ", passage_prefix="title: none | text: ", dimensions=768),
    ),
    (r"mxbai-embed-large", Profile(query_prefix=SEARCH, dimensions=1024)),
    (r"arctic-embed2|arctic-embed-.*v2", Profile(query_prefix="query: ")),
    (r"arctic-embed", Profile(query_prefix=SEARCH)),
    (r"qwen3-embedding", Profile(query_prefix=INSTRUCT)),
    (r"bge-m3", Profile(dimensions=1024)),
    (r"text-embedding-3-small|text-embedding-ada-002", Profile(dimensions=1536)),
    (r"text-embedding-3-large", Profile(dimensions=3072)),
)


def profile_of(model: str) -> Profile:
    """What is known of *model* by its name; an unknown one gets no prefix and no threshold."""
    name = model.lower().replace("_", "-")
    for pattern, profile in KNOWN:
        if re.search(pattern, name):
            return replace(profile)
    return Profile()
