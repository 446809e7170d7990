"""The demonstration: a price library of our own, our user documentation, and the two agents that answer from them."""

from __future__ import annotations

from typing import Any

from ..index import service as index
from ..kernel.access import Caller, system
from ..kernel.app import App
from .agents import service as agents
from .documents import library as documents
from .documents.indexing import KIND as DOCUMENT
from .ouvrages import library as ouvrages
from .ouvrages.indexing import KIND as OUVRAGE

EXPERT_BTP: dict[str, Any] = {
    "name": "Expert BTP",
    "slug": "expert-btp",
    "description": "Prix, composition et caractéristiques des ouvrages de la bibliothèque de prix.",
    "icon": "buildings",
    "color": "#1F4E79",
    "language": "fr",
    "system_prompt": (
        "Tu es un économiste de la construction. Tu réponds aux questions sur les ouvrages de la bibliothèque "
        "de prix : prix unitaires, composition, caractéristiques techniques."
    ),
    "qdrant_collection": "agent_btp_ouvrages",
    "retrieval_mode": "SQL_HYDRATION",
    "hydration_config": {
        "table": "ouvrages",
        "key": "db_id",
        "fields": ["*"],
        "relations": ["fournitures", "main_oeuvres", "components", "children"],
    },
    "max_tokens": 512,
    "temperature": 0.2,
    "strict": True,
    "top_k": 5,
}
SUPPORT: dict[str, Any] = {
    "name": "Support",
    "slug": "support",
    "description": "Aide à l’utilisation de Countersign, d’après sa documentation.",
    "icon": "life-preserver",
    "color": "#7A3E1D",
    "language": "fr",
    "system_prompt": "Tu aides les utilisateurs de Countersign. Tu réponds d’après la documentation, pas à pas.",
    "qdrant_collection": "agent_support_docs",
    "retrieval_mode": "TEXT_ONLY",
    "hydration_config": None,
    "max_tokens": 512,
    "temperature": 0.2,
    "strict": True,
    "top_k": 5,
}


async def load(app: App, caller: Caller | None = None) -> dict[str, int]:
    """Adds what is missing of the demonstration and has it indexed; returns what is new. Safe to repeat."""
    async with app.db.transaction(caller or system()) as tx:
        new = {"ouvrages": await ouvrages.load_demonstration(tx), "documents": await documents.load_demonstration(tx)}
        new["agents"] = 0
        for values in (EXPERT_BTP, SUPPORT):
            new["agents"] += await agents.add(tx, values) is not None
        if any(new.values()):
            await index.mark_all(tx, EXPERT_BTP["qdrant_collection"], OUVRAGE)
            await index.mark_all(tx, SUPPORT["qdrant_collection"], DOCUMENT)
    return new
