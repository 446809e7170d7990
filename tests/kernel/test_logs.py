"""Logs: JSON lines on standard error, with the context of the work, and no secret in them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from countersign.kernel import logs
from countersign.kernel.settings import Settings


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, configuration = root.handlers, root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**configuration)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_json_lines_with_context(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    logs.configure(Settings(home=tmp_path, log_format="json"))
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        structlog.get_logger("room").info("room.event", count=3, who="é")
    [line] = lines(capsys)
    assert line.pop("timestamp")
    assert line == {
        "event": "room.event",
        "level": "info",
        "logger": "room",
        "request_id": "abc",
        "count": 3,
        "who": "é",
    }


def test_secrets_are_masked_wherever_they_come_from(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    logs.configure(Settings(home=tmp_path, log_format="json"))
    structlog.get_logger("a").warning("x", api_key="hush", headers={"authorization": "Bearer hush"})
    logging.getLogger("library").warning("y", extra={"password": "hush", "plain": 1})
    text = capsys.readouterr().err
    assert "hush" not in text
    assert '"api_key": "***"' in text
    assert '"plain": 1' in text


def test_an_error_carries_its_traceback(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    logs.configure(Settings(home=tmp_path, log_format="json"))
    fail()
    [line] = lines(capsys)
    assert "ValueError" in json.dumps(line["exception"])
    assert "hush" not in json.dumps(line), "a traceback shows no local variables"


def fail() -> None:
    password = "hush"
    try:
        raise ValueError(f"{len(password)} characters")
    except ValueError as error:
        structlog.get_logger("a").error("failed", exc_info=error)


def test_levels(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    logs.configure(Settings(home=tmp_path, log_format="json", log_level="warning"))
    structlog.get_logger("a").info("quiet")
    logging.getLogger("httpx").info("quiet")
    structlog.get_logger("a").warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_a_terminal_gets_readable_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    logs.configure(Settings(home=tmp_path, log_format="console"))
    structlog.get_logger("a").info("hello", n=1)
    fail()
    text = capsys.readouterr().err
    assert "ValueError" in text and "hush" not in text
    assert "hello" in text
    assert not text.startswith("{")
