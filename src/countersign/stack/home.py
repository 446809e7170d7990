"""The directory of one instance: who may write it, where its sockets are, which one runs there."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import stat
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import AlreadyRunning, explain

SOCKET_LIMIT = 107  # bytes of a unix socket's path on Linux (104 on macOS, with its closing zero)
LONGEST_SOCKET = len("/postgres/.s.PGSQL.5432.lock")


class Home:
    """Paths below *path*; nothing is created before ``prepare``."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.run = self.path / "run"
        self.logs = self.path / "logs"
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"
        self.services_file = self.run / "services.json"
        self.key_file = self.path / "secret.key"

    def prepare(self) -> None:
        """Makes the directories, private to their owner. Raises ``HomeNotWritable`` or ``DiskFull``."""
        try:
            for directory in (self.path, self.run, self.logs, self.valkey):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.run / "probe"  # a directory that exists may still be on a read-only or a full disk
            probe.write_bytes(b"\0" * 4096)
            probe.unlink()
        except OSError as error:
            raise explain(error, self.path) from error

    def log(self, name: str) -> Path:
        """Log file of the service *name*."""
        return self.logs / f"{name}.log"

    def secret_key(self) -> str:
        """The key of this home, made the first time. It is what connector secrets are encrypted with: keep it."""
        try:
            with suppress(FileExistsError):
                write_private(self.key_file, secrets.token_urlsafe(32), exclusive=True)
            return self.key_file.read_text().strip()
        except OSError as error:
            raise explain(error, self.key_file) from error

    def sockets(self) -> Path:
        """Directory for unix sockets: ``run/``, or a private one under the temporary directory when that is too long.

        The short one is recorded as the link ``run/sockets``, so that the next start finds and reuses it.
        """
        if len(os.fsencode(self.run)) + LONGEST_SOCKET <= SOCKET_LIMIT:
            return self.run
        link = self.run / "sockets"
        try:
            with suppress(OSError):
                target = Path(os.readlink(link))
                state = target.lstat()
                if stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid() and not state.st_mode & 0o022:
                    return target
            link.unlink(missing_ok=True)
            target = Path(tempfile.mkdtemp(prefix="countersign-"))
            link.symlink_to(target)
            return target
        except OSError as error:
            raise explain(error, link) from error

    def forget_sockets(self) -> None:
        """Removes the short directory, if one was made and is empty of servers."""
        link = self.run / "sockets"
        if link.is_symlink():
            target = Path(os.readlink(link))
            for entry in [*target.glob("*/.s.*"), *target.glob("*"), target]:
                with suppress(OSError):
                    entry.unlink() if not entry.is_dir() else entry.rmdir()
            link.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Holds the home for this process. Raises ``AlreadyRunning`` with the address of who holds it."""
        try:
            handle = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise explain(error, self.run / "lock") from error
        try:
            if not _flock(handle):
                raise AlreadyRunning(self._who(handle))
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(handle)

    def _who(self, handle: int) -> str:
        pid = os.pread(handle, 20, 0).decode().strip()
        url = self.running().get("services", {}).get("web", {}).get("url")
        where = f"at {url}" if url else "and is still starting"
        return f"Countersign runs on this home already {where} (process {pid}, home {self.path})."

    def is_locked(self) -> bool:
        """Whether a supervisor runs on this home."""
        try:
            handle = os.open(self.run / "lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def running(self) -> dict[str, Any]:
        """What the running instance has written about itself; empty when none runs."""
        if not self.is_locked():
            return {}
        with suppress(OSError, ValueError):
            return json.loads(self.services_file.read_text())
        return {}

    def announce(self, state: dict[str, Any]) -> None:
        """Writes *state* for ``running`` and ``Settings.load``, whole or not at all."""
        new = self.services_file.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            write_private(new, json.dumps(state, indent=1))
            new.replace(self.services_file)
        except OSError as error:
            raise explain(error, self.services_file) from error

    def withdraw(self) -> None:
        """Forgets what was announced."""
        with suppress(OSError):
            self.services_file.unlink(missing_ok=True)


def _flock(handle: int) -> bool:
    """Takes the lock; a moment's patience, because ``is_locked`` of another command holds it for microseconds."""
    for _ in range(5):
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


def write_private(path: Path, text: str, *, exclusive: bool = False) -> None:
    """Writes a file that only its owner can read."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if exclusive else os.O_TRUNC)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of *host* that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
