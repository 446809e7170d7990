"""The embedded Valkey: a password, loopback only, the same address after a crash."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import psutil
import pytest
import redis

from countersign.stack.valkey import Valkey
from tests.stack.instance import holding


async def test_it_wants_its_password(home_path: Path) -> None:
    server = Valkey(home_path)
    await server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.ping() is True
            assert client.config_get("save") == {"save": ""}
            assert client.config_get("appendonly") == {"appendonly": "no"}
        with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        assert stat.S_IMODE((server.home.run / "valkey.conf").stat().st_mode) == 0o600
        assert server.process is not None
        running = psutil.Process(server.process.pid)
        assert not any(server.password in word for word in running.cmdline())
        assert {c.laddr.ip for c in running.net_connections("inet")} == {"127.0.0.1"}
    finally:
        await server.stop()
    assert not server.alive


async def test_it_comes_back_at_the_same_address(home_path: Path) -> None:
    server = Valkey(home_path)
    await server.start()
    try:
        address = server.url
        assert server.process is not None
        os.kill(server.process.pid, 9)
        assert await server.process.wait(60) == -9
        assert not await server.ready()
        await server.start()
        assert server.url == address
        assert await server.ready()
    finally:
        await server.stop()


async def test_a_port_that_is_taken_in_the_last_moment(home_path: Path) -> None:
    server = Valkey(home_path)
    with holding() as taken:
        server.port = taken
        await server.start()
        assert server.port != taken
        assert await server.ready()
        await server.stop()
