"""`countersign doctor`: every check in the order in which a person would look."""

from __future__ import annotations

from ..kernel.settings import Settings
from . import checks, checks_services
from .checks import Check

EVERY = (
    checks.site,
    checks.home,
    checks.disk,
    checks.secret,
    checks.packages,
    checks_services.postgres,
    checks_services.schema,
    checks_services.redis,
    checks_services.model,
    checks_services.embedder,
    checks_services.qdrant,
    checks.sandbox,
)


async def examine(settings: Settings) -> list[Check]:
    """All checks; none of them raises."""
    return [await check(settings) for check in EVERY]
