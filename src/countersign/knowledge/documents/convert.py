"""From a file to Markdown with its passages. Runs as a process of its own, so that no file can harm the worker.

``python -m countersign.knowledge.documents.convert FILE OUT NAME`` prints ``done total`` lines and writes JSON to OUT.
"""

from __future__ import annotations

import re
import resource
import sys
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any

from ...kernel.json import dumps, loads
from . import readers
from .chunks import Chunk, chunks
from .models import BadDocument
from .readers import TITLE, Converted, Tell, clean

MEMORY = 3 * 1024**3  # bytes of address space that one conversion may take
_HEADING = re.compile(r"^#{1,2}[ \t]+(\S.*?)[ \t]*#*[ \t]*$", re.MULTILINE)


def convert(file: Path, name: str, tell: Tell) -> list[Converted]:
    """The texts of *file*, called *name* by its sender. Raises ``BadDocument``, which names the file and the place."""
    kind = readers.KINDS.get(PurePath(name).suffix.lower())
    if kind is None:
        raise BadDocument(f"{name}: files of this kind cannot be read. Send {', '.join(sorted(readers.KINDS))}.")
    data = file.read_bytes()
    if not data.strip():
        raise BadDocument(f"{name}: the file is empty.")
    try:
        read = kind.read(data, name, tell)
    except RecursionError:
        raise BadDocument(f"{name}: its elements are nested too deeply to be read.") from None
    except MemoryError:
        raise BadDocument(f"{name}: reading it takes too much memory. Split the file.") from None
    return [_cut(one, name) for one in read]


def _cut(one: Converted, name: str) -> Converted:
    text = clean(one.content)
    heading = _HEADING.search(text)
    title = one.title or (heading[1] if heading else "") or PurePath(name).stem
    title = " ".join(clean(title).split())[:TITLE]
    found = chunks(text, title)
    if not found:
        where = f"{name}: " if not one.source else f"{name}, “{title}”: "
        raise BadDocument(f"{where}it holds no text that could be found (a scan has to be recognised first).")
    return Converted(title, text, one.pages, one.source, one.category, one.url, found)


def main(file: str, out: str, name: str) -> None:
    """Converts and writes ``{"documents": […]}`` or ``{"error": "…"}``."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer: dict[str, Any]
    try:
        answer = {"documents": [asdict(one) for one in convert(Path(file), name, _say)]}
    except BadDocument as error:
        answer = {"error": error.detail}
    Path(out).write_text(dumps(answer), encoding="utf-8")


def _say(done: int, total: int) -> None:
    sys.stdout.write(f"{done} {total}\n")
    sys.stdout.flush()


def restored(text: str) -> list[Converted]:
    """What ``main`` wrote. Raises ``BadDocument`` when it could not convert."""
    answer = loads(text)
    if "error" in answer:
        raise BadDocument(answer["error"])
    return [_whole(one) for one in answer["documents"]]


def _whole(one: dict[str, Any]) -> Converted:
    cut: list[dict[str, Any]] = one["passages"]
    passages = [Chunk(c["position"], tuple(c["breadcrumb"]), c["content"], c["start"], c["end"]) for c in cut]
    return Converted(
        one["title"], one["content"], tuple(one["pages"]), one["source"], one["category"], one["url"], passages
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
