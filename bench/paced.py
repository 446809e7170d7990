"""A model server that speaks at a steady pace whose words say when it said them: ``python -m bench.paced PORT``.

It speaks OpenAI's wire with as little work as can be, for it shares the processor with what is measured. The clock is
the machine's monotonic one, which every process reads alike.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from contextlib import suppress

RATE = 50  # words a second
WORDS = 200  # an answer
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "
CHUNK = '{"id":"paced","object":"chat.completion.chunk","created":0,"model":"paced","choices":[%s]%s}'
STAMP = re.compile(rb"[a-p]{16}")
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DIGITS = bytes.maketrans(b"abcdefghijklmnop", b"0123456789abcdef")


def stamp() -> str:
    """Now, as a word of letters: figures would be checked."""
    return f"{time.monotonic_ns():016x}".translate(_LETTERS)


def age(word: bytes) -> float:
    """Seconds since *word* was said."""
    return (time.monotonic_ns() - int(word.translate(_DIGITS), 16)) / 1e9


def _event(delta: dict[str, str], ending: str | None = None) -> bytes:
    choice = json.dumps({"index": 0, "delta": delta, "finish_reason": ending})
    return f"data: {CHUNK % (choice, '')}\n\n".encode()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        if size := re.search(rb"content-length: (\d+)", head, re.IGNORECASE):
            await reader.readexactly(int(size[1]))
        if not head.startswith(b"POST"):
            models = b'{"object":"list","data":[{"id":"paced","object":"model","max_model_len":8192}]}'
            writer.write(HEAD + b"application/json\r\n\r\n" + models)
        else:
            writer.write(HEAD + b"text/event-stream\r\n\r\n" + _event({"role": "assistant", "content": ""}))
            begun = time.monotonic()
            for number in range(WORDS):
                await asyncio.sleep(begun + number / RATE - time.monotonic())
                writer.write(_event({"content": f"{stamp()} "}))
            counted = {"prompt_tokens": 1, "completion_tokens": WORDS, "total_tokens": WORDS + 1}
            usage = CHUNK % ("", f',"usage":{json.dumps(counted)}')
            writer.write(_event({}, "stop") + f"data: {usage}\n\ndata: [DONE]\n\n".encode())
        await writer.drain()
    writer.close()


async def _serve(port: int) -> None:
    async with await asyncio.start_server(_answer, "127.0.0.1", port, backlog=1000) as server:
        await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1])))
