"""What is done once the database answers: migrations, the first administrator, the demonstration."""

from __future__ import annotations

from dataclasses import dataclass

from ..kernel.settings import Settings
from .checks_services import bare, listens
from .errors import StackError


@dataclass(slots=True)
class Prepared:
    """What was made now: the administrator as ``(email, password)``, counts of the demonstration's new records.

    The password is empty when it was configured.
    """

    admin: tuple[str, str] | None = None
    demonstration: dict[str, int] | None = None


async def prepare(settings: Settings, demo: bool, made: Prepared) -> None:
    """Migrates, makes the first administrator, loads the demonstration; each only where it is missing.

    Raises ``CountersignError`` when the database or the broker does not answer.
    """
    from ..accounts import service as accounts
    from ..kernel import migrate
    from ..kernel.app import App

    if settings.redis_url and not await listens(settings.redis_url):
        raise StackError(
            f"Nothing answers at {bare(settings.redis_url)}. Start that server, correct COUNTERSIGN_REDIS_URL, "
            "or leave it out to use the embedded one."
        )
    await migrate.up(settings.owner_url or settings.require_database())
    password = settings.admin_password.get_secret_value() if settings.admin_password else None
    async with App(settings) as app:
        made.admin = await accounts.first_admin(app.db, settings.admin_email, password)
        if made.admin and password:
            made.admin = (made.admin[0], "")  # they know it
        if demo:
            from ..knowledge import demo as demonstration

            made.demonstration = await demonstration.load(app)
