"""Static files under an address that changes with their content, so browsers may keep them for a year."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"


@cache
def digest() -> str:
    """Twelve characters that stand for the content of every static file. Modules import each other by relative
    address, so one digest in the path renews them all together."""
    found = hashlib.sha256()
    for file in sorted(f for f in FOLDER.rglob("*") if f.is_file()):
        found.update(file.relative_to(FOLDER).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:12]


def static_url(path: str) -> str:
    """Address of the static file *path* (``css/tokens.css``)."""
    return f"/static/{digest()}/{path}"


class Assets(StaticFiles):
    """Serves ``/static/<digest>/path``; an older digest gets the current file, which must not be kept."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        given, _, rest = path.partition("/")
        versioned = re.fullmatch(r"[0-9a-f]{12}", given) is not None
        response = await super().get_response(rest if versioned else path, scope)
        kept = given == digest() and response.status_code in (200, 304)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response
