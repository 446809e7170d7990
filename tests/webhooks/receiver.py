"""A real HTTP server on the loopback that keeps what it is told and answers as the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Receiver:
    url: str = ""
    answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    wait: float = 0
    endless: bool = False
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    sent: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {
                key.lower(): value for key, value in (line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
            }
            self.received.append((headers, await reader.readexactly(int(headers["content-length"]))))
            await asyncio.sleep(self.wait)
            writer.write(self.answer)
            await writer.drain()
            while self.endless and self.sent < 10_000_000:
                writer.write(b"x" * 10_000)
                await writer.drain()
                self.sent += 10_000
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
