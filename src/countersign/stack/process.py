"""One child process: its log, its user, its end. It never outlives this process, not even after a ``kill -9``."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from . import tether
from .errors import StackError, explain
from .system_user import SystemUser

PREFIX = "COUNTERSIGN_"
LOG_BYTES = 20_000_000
TICK = 0.02
PATIENT_TICK = 0.25


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment for a child, its settings replaced by *extra*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, **(extra or {})}


class Process:
    """A command in its own session, tied to the life of this process.

    Start it from a thread that lives as long as the process should: the kernel ties it to the thread.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        user: SystemUser | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.argv = [str(word) for word in argv]
        self.log = log
        self.stop_signal = stop_signal
        owner = (str(user.uid), str(user.gid)) if user else ("-1", "-1")
        wrapper = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), str(int(death_signal)), *owner]
        try:
            rotate(log)
            with log.open("ab") as output:
                self._offset = output.tell()
                self._child = subprocess.Popen(
                    [*wrapper, *self.argv],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment(env),
                    cwd=cwd,
                    start_new_session=True,
                )
        except OSError as error:
            raise explain(error, log) from error
        self.started = time.monotonic()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._child.poll()

    @property
    def alive(self) -> bool:
        return self.returncode is None

    def output(self) -> str:
        """What it has written into its log since it was started."""
        with suppress(OSError), self.log.open("rb") as file:
            file.seek(self._offset)
            return file.read().decode(errors="replace")
        return ""

    async def wait(self, timeout: float = math.inf) -> int:
        """Its exit code. Raises ``StackError`` after *timeout* seconds."""
        until = time.monotonic() + timeout
        while (code := self.returncode) is None:
            if time.monotonic() > until:
                raise StackError(f"{self.argv[0]} did not end within {timeout:.0f} s.")
            await asyncio.sleep(TICK if timeout < math.inf else PATIENT_TICK)
        return code

    async def stop(self, timeout: float) -> None:
        """Asks it to end, waits up to *timeout* seconds, then kills it and whatever it has left behind."""
        if self.alive:
            self.signal(self.stop_signal)
            with suppress(StackError):
                await self.wait(timeout)
        self.kill()
        with suppress(StackError):
            await self.wait(5)

    def signal(self, number: signal.Signals) -> None:
        """Sends *number* to the process alone; nothing happens when it has ended."""
        with suppress(ProcessLookupError):
            self._child.send_signal(number)

    def kill(self) -> None:
        """Kills its whole process group at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.poll()


def rotate(log: Path, limit: int = LOG_BYTES) -> None:
    """Moves a *log* of more than *limit* bytes to ``<log>.1``. The writer keeps its file, hence copy and cut."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > limit:
            log.with_name(log.name + ".1").write_bytes(log.read_bytes()[-limit:])
            os.truncate(log, 0)
