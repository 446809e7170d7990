"""The supervisor's choices, on parts that are small programs: order, what it can do without, restarts, the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from countersign.kernel.settings import Settings
from countersign.stack import supervisor as module
from countersign.stack.errors import ServiceFailed
from countersign.stack.home import Home
from countersign.stack.plan import Plan
from countersign.stack.process import Process
from countersign.stack.service import Service
from countersign.stack.supervisor import News, Supervisor, ending
from tests.stack.instance import environment

STEADY = "import time; print('up', flush=True); time.sleep(600)"


class Part(Service):
    """A service that is a Python program; ready once it has said so."""

    url = "test://"
    log: list[str]

    def __init__(self, home: Home, name: str, program: str = STEADY, begun: list[str] | None = None) -> None:
        super().__init__(home)
        self.name = name  # type: ignore[misc]
        self.program = program
        self.log = begun if begun is not None else []

    async def launch(self) -> Process:
        self.log.append(f"+{self.name}")
        return Process([sys.executable, "-c", self.program], self.home.log(self.name))

    async def ready(self) -> bool:
        return self.process is not None and "up" in self.process.output()

    async def stop(self) -> None:
        if self.alive:
            self.log.append(f"-{self.name}")
        await super().stop()


Make = Callable[..., Supervisor]


@pytest.fixture
def news() -> list[News]:
    return []


@pytest.fixture
def make(home_path: Path, news: list[News], monkeypatch: pytest.MonkeyPatch) -> Make:
    """``make(log, stores={…}, slow={…}, own={…})`` of programs by name."""

    def build(log: list[str], **programs: dict[str, str]) -> Supervisor:
        settings = Settings(home=home_path)
        plan = Plan(settings, Home(home_path))
        plan.home.prepare()

        def parts(kind: str) -> list[Service]:
            return [Part(plan.home, name, program, log) for name, program in programs.get(kind, {}).items()]

        stores, slow = parts("stores"), parts("slow")
        own = iter(parts("own"))
        monkeypatch.setattr(Plan, "stores", stores)
        monkeypatch.setattr(Plan, "models_and_embedder", slow)
        plan.postgres = next((part for part in stores if part.name == "base"), None)  # type: ignore[assignment]
        monkeypatch.setattr(Plan, "complete", lambda self: settings)
        monkeypatch.setattr(Plan, "addresses", lambda self, settings, serving: {"web": {"serving": serving}})
        for name in ("Web", "Worker"):
            monkeypatch.setattr(module, name, lambda _: next(own))
        return Supervisor(plan, news.append)

    return build


async def nothing(_: Settings) -> None:
    """No migrations."""


async def test_who_is_used_starts_first_and_ends_last(make: Make) -> None:
    log: list[str] = []
    one = make(log, stores={"base": STEADY, "bell": STEADY}, slow={"model": STEADY}, own={"a": STEADY, "b": STEADY})
    await one.start(nothing)
    assert set(log[:3]) == {"+base", "+bell", "+model"}
    assert set(log[3:]) == {"+a", "+b"}
    await one.stop()
    ended = log[5:]
    assert set(ended[:2]) == {"-a", "-b"}
    assert set(ended[2:4]) == {"-bell", "-model"}
    assert ended[4] == "-base"


async def test_what_runs_is_told_once_it_serves(make: Make, home_path: Path) -> None:
    one = make([], stores={"base": STEADY}, own={"a": STEADY, "b": STEADY})
    home = Home(home_path)
    with home.locked():
        assert home.running() == {}

        async def look(_: Settings) -> None:
            assert home.running()["services"] == {"web": {"serving": False}}

        await one.start(look)
        told = home.running()
        assert told["services"] == {"web": {"serving": True}}
        assert told["pid"] == os.getpid()
        assert set(told["processes"]) == {"base", "a", "b"}
        await one.stop()
        assert home.running() == {}


async def test_it_goes_on_without_a_model_and_says_why(make: Make, news: list[News]) -> None:
    one = make(
        [], stores={"base": STEADY}, slow={"model": "exit('no such instruction')"}, own={"a": STEADY, "b": STEADY}
    )
    await one.start(nothing)
    said = next(n.detail for n in news if n.name == "model" and n.detail)
    assert said.startswith("model stopped while starting (exit code 1): no such instruction (log: ")
    await one.stop()


async def test_a_store_that_fails_stops_the_start(make: Make) -> None:
    log: list[str] = []
    one = make(log, stores={"base": STEADY, "bell": "exit('broken')"}, slow={"model": STEADY}, own={"a": STEADY})
    with pytest.raises(ServiceFailed, match="bell stopped while starting .*broken"):
        await one.start(nothing)
    await one.stop()
    assert "+a" not in log
    assert not any(service.alive for service in one.services)


async def test_the_pause_doubles_while_a_part_keeps_falling(make: Make, news: list[News]) -> None:
    one = make([], stores={"base": STEADY}, own={"a": STEADY, "b": STEADY})
    await one.start(nothing)
    keeping = asyncio.create_task(one.keep())
    part = one.services[1]
    assert isinstance(part, Part)
    part.program = "import time; print('up', flush=True); time.sleep(0.2)"
    assert part.process
    part.process.kill()
    until = time.monotonic() + 180
    while len([n for n in news if n.state == "fell"]) < 3 and time.monotonic() < until:
        await asyncio.sleep(0.05)
    fell = [n for n in news if n.state == "fell"][:3]
    assert [(n.name, n.seconds) for n in fell] == [("a", 1.0), ("a", 2.0), ("a", 4.0)]
    assert [n.detail for n in fell] == ["signal 9", "exit code 0", "exit code 0"]
    keeping.cancel()
    await one.stop()
    assert not any(service.alive for service in one.services)


def test_endings_in_words() -> None:
    assert ending(1) == "exit code 1"
    assert ending(-9) == "signal 9"


def test_a_clock_that_falls_ends_the_worker(home_path: Path) -> None:
    """The supervisor then starts both again."""
    code = (
        "import time, countersign.stack.celery_app as it\n"
        "def fall(**_): raise OSError('no schedule')\n"
        "it.clock.start = fall\n"
        "it._tick(); time.sleep(60)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(home=str(home_path)), capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGTERM
