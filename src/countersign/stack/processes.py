"""The product's own processes, web and worker. They are given their settings by environment."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

from ..kernel.settings import Settings
from . import probe
from .errors import ServiceFailed, StackError, explain
from .process import Process
from .service import Service

# What Celery workers tell each other is of no use to a single one, and costs a second at the start.
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")


class OwnProcess(Service):
    """A Python process of ours with *settings*."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.home)
        self.settings = settings

    @property
    def url(self) -> str:
        return self.settings.base_url

    def python(self, *words: str | Path) -> Process:
        """Starts ``python -m words…`` with the settings in its environment."""
        argv = [sys.executable, "-m", *words]
        return Process(argv, self.home.log(self.name), cwd=self.home.path, env=self.settings.environment())


class Web(OwnProcess):
    """Ready when ``/readyz`` says so, which means that the database and the broker answer too."""

    name = "web"
    start_timeout = 120.0
    stop_timeout = 12.0  # answers that are streaming have ten seconds to end
    poll = 0.1  # each look asks every service in turn
    _unready = ""

    async def launch(self) -> Process:
        return self.python("countersign.main")

    async def ready(self) -> bool:
        host, port = probe.reachable(self.settings.host), self.settings.port
        status, body = await probe.http(host, port, "/readyz", timeout=10)
        self._unready = body.decode(errors="replace") if status == 503 else ""
        return status == 200

    def failure(self, what: str) -> StackError:
        """Names the service that the site waits for, when it is that."""
        missing: list[str] = []
        with suppress(ValueError, KeyError, TypeError):
            answer = json.loads(self._unready)
            missing = [f"{name}: {answer['checks'][name]['status']}" for name in answer["missing"]]
        if missing:
            return ServiceFailed(f"The site is not ready: {'; '.join(missing)} (log: {self.home.log(self.name)})")
        return super().failure(what)


class Worker(OwnProcess):
    """Jobs and the clock that rings for scheduled ones, in one process.

    Ready when it has written its process id into ``run/worker.ready``. What it cannot finish in time when it is
    stopped is taken over after the next start.
    """

    name = "worker"
    stop_timeout = 10.0

    async def launch(self) -> Process:
        try:
            self._flag.unlink(missing_ok=True)
        except OSError as error:
            raise explain(error, self._flag) from error
        # The pool forks processes of 100 MB each; a small home does one job after the other in the worker itself.
        return self.python("celery", "-A", "countersign.stack.celery_app", "worker", "--pool", "solo", *QUIET)

    async def ready(self) -> bool:
        try:
            return self.process is not None and self._flag.read_text() == str(self.process.pid)
        except OSError:
            return False

    @property
    def _flag(self) -> Path:
        return self.home.run / "worker.ready"
