"""Does it answer? Raw sockets, because the answer is wanted a hundred times while a service starts."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any


async def exchange(host: str, port: int, request: bytes, timeout: float = 2.0) -> bytes:
    """What the server answers until it closes or *timeout* seconds have passed. Raises OSError or TimeoutError."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(request)
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def http(host: str, port: int, path: str, key: str = "", timeout: float = 2.0) -> tuple[int, bytes]:
    """Status and body of a GET; ``(0, b"")`` when nobody answers."""
    bearer = f"Authorization: Bearer {key}\r\n" if key else ""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{bearer}Connection: close\r\n\r\n"
    try:
        answer = await exchange(host, port, request.encode(), timeout)
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), body
    except (OSError, TimeoutError, ValueError, IndexError):
        return 0, b""


async def http_json(host: str, port: int, path: str, key: str = "") -> Any:
    """The JSON of a GET that answers 200, else None."""
    status, body = await http(host, port, path, key)
    with suppress(ValueError):
        return json.loads(body) if status == 200 else None
    return None


async def redis(host: str, port: int, password: str) -> bool:
    """Whether a Redis or Valkey server takes the password and says PONG."""
    words = f"*2\r\n$4\r\nAUTH\r\n${len(password)}\r\n{password}\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n"
    with suppress(OSError, TimeoutError):
        return b"+PONG" in await exchange(host, port, words.encode())
    return False


def reachable(host: str) -> str:
    """The address under which this machine reaches a server that listens on *host*."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
