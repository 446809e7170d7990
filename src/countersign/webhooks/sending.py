"""One delivery on the wire: signed by Standard Webhooks, bounded in time and size."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Sequence

import httpx

from ..kernel.errors import CountersignError
from ..kernel.http import CompressedAnswer, guarded_client
from .models import Answer, NotTaken, Redirected, TooSlow, Unreachable

KEPT_CHARACTERS = 5000
READ_BYTES = 4 * KEPT_CHARACTERS  # the longest UTF-8 form of what is kept


def sign(secrets: Sequence[str], delivery: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` header: one ``v1`` signature for each ``whsec_…`` secret."""
    content = f"{delivery}.{timestamp}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)


async def send(
    url: str, delivery: str, body: bytes, secrets: Sequence[str], *, timeout: float, allow_private: bool
) -> Answer:
    """One attempt of at most *timeout* seconds. Never raises for what the receiver does; redirects are not followed."""
    timestamp = int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": "countersign",
        "webhook-id": delivery,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets, delivery, timestamp, body),
    }
    began = time.monotonic()
    code: int | None = None
    text: str | None = None
    try:
        async with (
            asyncio.timeout(timeout),
            # One chunk may be larger than what is kept; the reading below stops by itself.
            guarded_client(allow_private=allow_private, timeout=timeout) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            code = response.status_code
            text = await _beginning(response)
        error = _judged(code)
    except CompressedAnswer as unread:
        code = int(unread.extra["answered"])
        error = _judged(code)
    except TimeoutError:
        error = TooSlow(seconds=f"{timeout:g}").detail
    except httpx.HTTPError as failure:
        error = Unreachable(technical=f"{type(failure).__name__} {failure}".strip()).detail
    except (httpx.InvalidURL, CountersignError) as failure:
        error = str(failure)
    return Answer(code, text, round((time.monotonic() - began) * 1000), error)


def _judged(code: int) -> str | None:
    if 300 <= code < 400:
        return Redirected(code=code).detail
    return None if 200 <= code < 300 else NotTaken(code=code).detail


async def _beginning(response: httpx.Response) -> str:
    read = bytearray()
    async for chunk in response.aiter_raw():
        read += chunk[: READ_BYTES - len(read)]
        if len(read) >= READ_BYTES:
            break
    return read.decode("utf-8", "replace").replace("\0", "\ufffd")[:KEPT_CHARACTERS]
