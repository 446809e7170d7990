"""Whatever a receiver does, sending ends in time, small, and never at a private address."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from countersign.webhooks.models import Answer
from countersign.webhooks.sending import KEPT_CHARACTERS, send
from tests.webhooks.receiver import Receiver, receiving

SECRET = "whsec_c2VjcmV0IG9mIHRoaXMgdGVzdA=="


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


async def sent(url: str, *, allow_private: bool = True, timeout: float = 60) -> Answer:
    return await send(url, "msg_1", b"{}", [SECRET], timeout=timeout, allow_private=allow_private)


async def test_a_receiver_that_is_down_is_an_error() -> None:
    async with receiving() as gone:
        pass
    assert (await sent(gone.url)).error


async def test_a_slow_receiver_costs_its_timeout_and_no_more(receiver: Receiver) -> None:
    receiver.wait = 600
    began = time.monotonic()
    assert "0.3 s" in ((await sent(receiver.url, timeout=0.3)).error or "")
    assert time.monotonic() - began < 60


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answer = f"HTTP/1.1 302 Go\r\nlocation: {receiver.url}\r\ncontent-length: 0\r\n\r\n".encode()
    assert (await sent(receiver.url)).status_code == 302
    assert len(receiver.received) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]", "169.254.169.254"])
async def test_a_private_address_is_not_even_connected_to(host: str) -> None:
    answer = await sent(f"http://{host}/", allow_private=False)
    assert answer.status_code is None
    assert "private" in (answer.error or "")


async def test_ten_megabytes_are_cut_and_not_read(receiver: Receiver) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n"
    receiver.endless = True
    answer = await sent(receiver.url)
    assert answer.error is None
    assert len(answer.body or "") == KEPT_CHARACTERS
    assert receiver.sent < 10_000_000
