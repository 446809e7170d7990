"""The doorbell: a Celery message that says "look at job N". It may be lost; the row is the truth."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import Any

import structlog

log = structlog.get_logger("kernel.bell")

TASK = "countersign.work"
QUEUE = "countersign"


def celery_app(broker: str | None) -> Any:
    """The Celery application of every process. Messages carry a number; acks come late, results are not kept."""
    from celery import Celery

    app: Any = Celery("countersign", broker=broker, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": 3600, "socket_timeout": 5, "socket_connect_timeout": 2},
        timezone="UTC",
        enable_utc=True,
    )
    return app


class Bell:
    """Rings workers. Without a broker (commands, tests) it stays silent and the sweeper finds the work."""

    def __init__(self, broker: str | None) -> None:
        self.broker = broker

    @cached_property
    def _celery(self) -> Any:
        return celery_app(self.broker)

    async def ring(self, job_id: int) -> None:
        """Sends one message; a broker that does not answer is logged, never raised: the job is already stored."""
        if not self.broker:
            return
        try:
            await asyncio.to_thread(self._celery.send_task, TASK, (job_id,), retry=False)
        except Exception as error:
            log.warning("bell.unheard", job=job_id, error=str(error))
