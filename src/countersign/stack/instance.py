"""``countersign up``: one instance from its first check to its last process."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..kernel.settings import Settings
from .errors import DiskFull, PortTaken, StackError, explain
from .home import Home, free_port
from .plan import Plan
from .supervisor import Supervisor, Tell

ROOM_FIRST = 300_000_000  # bytes: PostgreSQL's data takes 50 MB, its log of changes some times 16 MB
ROOM_LATER = 100_000_000


@dataclass(frozen=True, slots=True)
class Ready:
    """What to tell the person who started it; *admin* is ``(email, password)`` when they were made just now.

    The password is empty when it was configured.
    """

    url: str
    admin: tuple[str, str] | None
    demonstration: dict[str, int] | None


async def run(
    home: Path | None, port: int | None, demo: bool, *, tell: Tell, on_ready: Callable[[Ready], None]
) -> None:
    """Runs until SIGINT, SIGTERM or SIGHUP. Raises ``StackError`` and its kin with everything stopped."""
    place = Home(Settings(home=home).home if home else Settings().home)
    settings = configure(place, port)
    if not place.path.exists():
        check_port(settings.host, settings.port)  # before a home is made that nobody would use
    place.prepare()
    with place.locked():
        place.withdraw()  # what a killed instance has left behind
        check_room(place, first=not place.postgres.exists())
        check_port(settings.host, settings.port)
        place.secret_key()
        plan = Plan.of(settings)
        if plan.postgres:
            plan.postgres.check()
        await _live(Supervisor(plan, tell), demo, on_ready)


async def _live(supervisor: Supervisor, demo: bool, on_ready: Callable[[Ready], None]) -> None:
    """Starts, keeps and stops; the first signal stops in order, the second one at once."""
    from .prepare import Prepared, prepare

    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    signals = 0

    def signalled() -> None:
        nonlocal signals
        signals += 1
        if signals == 1:
            task.cancel()
        else:
            supervisor.kill()

    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # as under nohup
    for number in (signal.SIGINT, signal.SIGTERM, *(() if ignored else (signal.SIGHUP,))):
        loop.add_signal_handler(number, signalled)
    made = Prepared()
    try:
        settings = await supervisor.start(lambda settings: prepare(settings, demo, made))
        on_ready(Ready(settings.base_url, made.admin, made.demonstration))
        await supervisor.keep()
    except asyncio.CancelledError:
        if not signals:
            raise
    except OSError as error:
        raise explain(error, supervisor.plan.home.path) from error
    finally:
        with suppress(asyncio.CancelledError):
            await supervisor.stop()


def configure(place: Home, port: int | None) -> Settings:
    """The settings of the environment for this home; port 0 means any free one. Raises ``StackError``."""
    given: dict[str, object] = {"home": place.path}
    if port is not None:
        given["port"] = port or free_port()
    settings = Settings.model_validate(given)
    # Said aloud so that other commands on this home know the address too.
    return Settings.model_validate({n: getattr(settings, n) for n in settings.model_fields_set | {"host", "port"}})


def check_room(place: Home, *, first: bool) -> None:
    """Raises ``DiskFull`` when the disk would fill while PostgreSQL starts."""
    free = shutil.disk_usage(place.path).free
    needed = ROOM_FIRST if first else ROOM_LATER
    if free < needed:
        raise DiskFull(
            f"The disk that holds {place.path} has {free // 1_000_000} MB left, {needed // 1_000_000} MB are needed. "
            "Free some space, or choose another home with --home."
        )


def check_port(host: str, port: int) -> None:
    """Raises ``PortTaken`` when the web server could not listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise StackError(f"Port {port} is reserved for root. Choose one above 1023 with --port.") from None
        except OSError as error:
            if error.errno in (98, 48):
                raise PortTaken(f"Port {port} is in use by another program. Choose another one with --port.") from None
            raise StackError(f"Cannot listen on {host}: {error.strerror}. Check COUNTERSIGN_HOST.") from None
