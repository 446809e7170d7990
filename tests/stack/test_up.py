"""``countersign up`` from its first start to its last process, on a real home with real services."""

from __future__ import annotations

import json
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from countersign.stack.home import Home
from tests.cluster import Clone
from tests.stack.instance import SECONDS, Instance, call, left

pytestmark = pytest.mark.timeout(600)
SERVICES = {"postgres", "redis", "models", "embedder", "web"}


def until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Waits for *true*. Raises AssertionError when it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "this never became true"
        time.sleep(0.1)


def test_the_life_of_an_instance(home_path: Path) -> None:
    """Start, use, crash and repair of each part, kill, start again with everything kept, stop."""
    place = Home(home_path)
    with Instance(home_path) as first:
        assert "First administrator: admin@localhost, password " in first.said
        answers(first)
        a_second_one_leaves_it_alone(first)
        token = other_commands_find_it(first)
        for name in ("web", "worker", "redis", "postgres"):
            a_fallen_part_comes_back(first, name)
        everyone = first.family()
        assert len(everyone) > 10
        first.process.kill()
        first.process.wait()
        assert left(everyone, 60) == []
    assert not place.is_locked()
    assert call("status", "--home", home_path).returncode == 3

    with Instance(home_path) as again:
        assert "password" not in again.said
        assert f"\t{token}" in call("token", "list", "--home", home_path).stdout  # committed before the kill
        answers(again)
        everyone = again.family()
        assert again.stop(signal.SIGINT) == 0
        assert left(everyone, 60) == []
        assert "Traceback" not in again.said
    assert not place.services_file.exists()
    assert not (place.postgres / "postmaster.pid").exists()


def answers(instance: Instance) -> None:
    """It is alive, ready, and tells where everything is."""
    assert instance.get("/healthz")[0] == 200
    status, body = instance.get("/readyz")
    assert (status, json.loads(body)["status"]) == (200, "ready")
    told = instance.status()
    assert set(told["services"]) == SERVICES
    assert told["services"]["web"] == {"url": instance.url}
    assert set(told["services"]["postgres"]) == {"url", "owner_url"}
    assert set(told["processes"]) == {"postgres", "redis", "models", "embedder", "web", "worker"}
    until(lambda: bool(list((instance.home / "run").glob("beat*"))))  # the clock ticks
    assert stat.S_IMODE(Home(instance.home).services_file.stat().st_mode) == 0o600
    with psycopg.connect(told["services"]["postgres"]["url"]) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("countersign_app",)


def a_second_one_leaves_it_alone(instance: Instance) -> None:
    second = call("up", "--home", instance.home, "--port", "0")
    assert second.returncode == 3
    assert second.stderr.count("\n") == 1
    assert f"already at {instance.url} (process {instance.process.pid}, home {instance.home})" in second.stderr
    assert instance.get("/readyz")[0] == 200


def other_commands_find_it(instance: Instance) -> str:
    """By the home alone; returns the name of a token that was made."""
    made = call("token", "create", "--email", "admin@localhost", "--name", "kept", "--home", instance.home)
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("\n") == 1
    assert "up to date" in call("migrate", "--home", instance.home).stderr
    looked = call("doctor", "--home", instance.home)
    assert looked.returncode == 0, looked.stdout
    assert not [line for line in looked.stdout.splitlines() if line.startswith("fail")]
    shown = call("status", "--home", instance.home)
    assert instance.url in shown.stdout
    assert "redis://:…@" in shown.stdout
    return "kept"


def a_fallen_part_comes_back(instance: Instance, name: str) -> None:
    before = instance.status()["processes"][name]
    psutil.Process(before).kill()
    until(lambda: instance.status()["processes"].get(name) not in (None, before))
    until(lambda: instance.get("/readyz")[0] == 200)
    assert f"{name} ended (signal 9); it is started again in 1 s" in instance.said


def test_only_what_is_not_configured_is_started(home_path: Path, database: Clone, tmp_path: Path) -> None:
    """An external database and other models: no PostgreSQL, no model server, no embedder of its own."""
    settings = {"database_url": database.url, "owner_url": database.owner_url, "model": "scripted:demo"}
    settings |= {"embedder": "openai:e", "embedder_url": "http://127.0.0.1:9/v1"}
    settings |= {"admin_email": "ada@example.org", "admin_password": "correct horse battery"}
    with Instance(home_path, **settings) as instance:
        assert "First administrator: ada@example.org, with the configured password." in instance.said
        assert "correct horse" not in instance.said
        assert "correct horse" not in Home(home_path).services_file.read_text()
        told = instance.status()
        assert set(told["processes"]) == {"redis", "web", "worker"}
        assert told["services"]["postgres"] == {"url": database.url, "owner_url": database.owner_url}
        assert told["services"]["embedder"] == {"url": "http://127.0.0.1:9/v1"}
        assert not Home(home_path).postgres.exists()
        assert call("user", "list", "--home", home_path).returncode == 0
