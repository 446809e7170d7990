"""The product's Celery application with two jobs of the tests: ``celery -A tests.kernel.worker_app worker``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from countersign.kernel.jobs import JobContext, job
from countersign.worker import app

__all__ = ["app"]


@job("test.wait")
async def wait(ctx: JobContext, directory: str) -> str:
    """Notes its process and attempt, then waits until it may go on."""
    (Path(directory) / f"attempt-{ctx.job.attempts}").write_text(str(os.getpid()))
    while not (Path(directory) / "go").exists():
        await asyncio.sleep(0.05)
    return f"attempt {ctx.job.attempts}"


@job("test.quick")
async def quick(_: JobContext) -> str:
    """Nothing, at once."""
    return "done"
