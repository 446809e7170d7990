"""PostgreSQL's data directory: how it is made, whether this version may open it, who else has it open."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from .errors import ServiceFailed, StackError, WrongPostgres, disk_full, says_full
from .process import Process
from .system_user import SystemUser

# Written into postgresql.conf of a new data directory, where an administrator may change them.
SETTINGS = {
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_connections": "100",
    "max_locks_per_transaction": "256",  # dumps and purges touch every monthly partition in one transaction
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than it wins on statements of a few milliseconds
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_min_duration_statement": "1s",
    "idle_in_transaction_session_timeout": "5min",
}


async def create(binaries: Path, data: Path, log: Path, user: SystemUser | None, *, durable: bool) -> None:
    """Makes *data* aside and moves it into place, so that a half-made one is never taken for data.

    Raises ``DiskFull``, ``ServiceFailed``, OSError.
    """
    new = data.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if user is not None:
        os.chown(new, user.uid, user.gid)
    argv = [binaries / "initdb", "-D", new, "-U", "postgres", "--encoding=UTF8", "--auth-local=trust"]
    argv += ["--auth-host=reject", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    argv += [f"--set={name}={value}" for name, value in SETTINGS.items()] + ([] if durable else ["--no-sync"])
    process = Process(argv, log, user=user, cwd=Path("/"))
    try:
        code = await process.wait(120)
    finally:
        process.kill()
    if code != 0:
        said = process.output()
        shutil.rmtree(new, ignore_errors=True)
        if says_full(said):
            raise disk_full(data.parent)
        reasons = [line for line in said.splitlines() if "error" in line.lower()] or said.splitlines()[-1:] or ["?"]
        raise ServiceFailed(f"PostgreSQL could not create its data: {reasons[0][:300]} (log: {log})")
    with suppress(OSError):
        data.rmdir()  # an empty directory that somebody has made
    new.rename(data)


def check_version(binaries: Path, data: Path) -> None:
    """Raises ``WrongPostgres`` when another major version wrote *data*."""
    found = (data / "PG_VERSION").read_text().strip()
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    offered = said.strip().rsplit(" ", 1)[-1].split(".", 1)[0]
    if offered and found != offered:
        raise WrongPostgres(
            f"{data} was written by PostgreSQL {found}, and this is PostgreSQL {offered}: dump it with the version "
            "that wrote it and load the dump into a new home, or choose another one with --home."
        )


async def end_orphan(data: Path) -> None:
    """Ends what has outlived its supervisor and clears its traces. Raises ``StackError``.

    The process id in ``postmaster.pid`` may be somebody else's by now, so it is not read: PostgreSQL's processes are
    those that work in *data*. Sessions of a killed server need a moment to notice, and the next server must wait.
    """
    file = data / "postmaster.pid"
    if not file.exists():
        return
    for number, seconds in ((None, 1.0), (signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
        inside = _inside(data)
        for process in inside:
            with suppress(psutil.NoSuchProcess):
                if number is not None:
                    process.send_signal(number)
        if await _ended(inside, seconds):
            file.unlink(missing_ok=True)
            return
    raise StackError(f"PostgreSQL of an earlier run still works in {data}. Stop it, then try again.")


def _inside(data: Path) -> list[psutil.Process]:
    """Processes whose working directory is *data*."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cwd() == str(data):
                found.append(process)
    return found


async def _ended(processes: list[psutil.Process], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while any(_lives(process) for process in processes):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.05)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
