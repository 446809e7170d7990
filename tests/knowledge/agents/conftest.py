"""The tests of agents run on the demonstration, over the real application."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster import Clone

PRICES: dict[str, Any] = {
    "name": "Métreur",
    "slug": "metreur",
    "description": "Prix au mètre.",
    "icon": "rulers",
    "color": "#336699",
    "language": "fr",
    "system_prompt": "Tu es métreur.\nTu réponds en une phrase.",
    "qdrant_collection": "agent_metreur",
    "retrieval_mode": "SQL_HYDRATION",
    "hydration_config": {
        "table": "ouvrages",
        "key": "db_id",
        "fields": ["unit_price", "unit"],
        "relations": ["components"],
    },
    "source_template": None,
    "ollama_host": "ollama.example.lan",
    "ollama_port": 11434,
    "model": "ollama:mistral",
    "fallback_model": "mistral:7b",
    "context_window_size": 4,
    "max_tokens": 256,
    "temperature": "0.25",
    "top_k": 3,
    "min_score": "0.3000",
    "learned_min_score": "0.8500",
    "direct_answer": True,
    "strict": False,
    "is_active": True,
}


@pytest.fixture
def database(demonstration: Clone) -> Clone:
    """The test's database holds the demonstration."""
    return demonstration
