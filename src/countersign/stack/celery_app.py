"""Celery as the supervisor runs it: ``celery -A countersign.stack.celery_app worker --pool solo``.

One process is worker and beat: the clock is a thread, which a pool that does not fork allows. It ends the process when
it falls, so that the supervisor starts both again.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, cast

import structlog
from celery.beat import Service as Clock
from celery.signals import worker_ready, worker_shutting_down

from ..worker import app, settings

__all__ = ["app"]

log = structlog.get_logger("stack.celery")
clock = Clock(app, schedule_filename=str(settings.home / "run" / "beat"))


def _tick() -> None:
    try:
        app.set_current()
        clock.start(embedded_process=False)
    except Exception as error:
        log.error("beat.fell", exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)


def _ready(**_: Any) -> None:
    threading.Thread(target=_tick, name="beat", daemon=True).start()
    (settings.home / "run" / "worker.ready").write_text(str(os.getpid()))


def _stop(**_: Any) -> None:
    clock.stop()


for _signal, _hook in ((worker_ready, _ready), (worker_shutting_down, _stop)):
    cast(Any, _signal).connect(_hook, weak=False)
