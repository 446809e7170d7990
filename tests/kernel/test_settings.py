"""Settings: the environment wins, a running instance completes it, and every one is documented."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from countersign.kernel.errors import NoInstance
from countersign.kernel.settings import PREFIX, Settings

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def announce(home: Path, **values: object) -> None:
    (home / "run").mkdir(parents=True)
    (home / "run" / "services.json").write_text(json.dumps({"settings": values}))


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    line = next(
        (line for line in DOCS.read_text().splitlines() if line.startswith(f"| `{PREFIX}{name.upper()}`")), None
    )
    assert line, f"docs/settings.md has no row for {PREFIX}{name.upper()}"
    assert Settings.model_fields[name].description, f"{name} has no description"
    default = Settings.model_fields[name].default
    if isinstance(default, (int, float, str)) and not isinstance(default, bool) and name != "home":
        assert f"`{default}`" in line, f"the default {default!r} of {name} is not in its row"


def test_nothing_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(rf"^\| `{PREFIX}([A-Z_]+)`", DOCS.read_text(), re.MULTILINE))
    assert documented == {name.upper() for name in Settings.model_fields}


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COUNTERSIGN_PORT", "9000")
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path))
    settings = Settings.load()
    assert (settings.port, settings.home) == (9000, tmp_path)


def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_PORT", "70000")
    with pytest.raises(ValidationError, match="port"):
        Settings()


def test_a_running_instance_completes_what_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    announce(tmp_path, database_url="postgresql://embedded", redis_url="redis://embedded", port=8123)
    monkeypatch.setenv("COUNTERSIGN_REDIS_URL", "redis://mine")
    settings = Settings.load(tmp_path)
    assert settings.database_url == "postgresql://embedded"
    assert settings.redis_url == "redis://mine"
    assert settings.port == 8123
    assert settings.home == tmp_path


def test_without_an_instance_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoInstance, match="countersign up"):
        Settings.load(tmp_path).require_database()


def test_an_unreadable_note_is_no_instance(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "services.json").write_text("{")
    assert Settings.load(tmp_path).database_url is None


def test_a_child_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=9001, secret_key="s", secure_cookies=True)  # type: ignore[arg-type]
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    child = Settings.load()
    assert child == settings


def test_secrets_do_not_show(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, secret_key="hush", admin_password="hush", model_api_key="hush")  # type: ignore[arg-type]
    assert "hush" not in repr(settings)
    assert "hush" not in settings.model_dump_json()


def test_addresses_have_no_trailing_slash(tmp_path: Path) -> None:
    assert Settings(home=tmp_path, public_url="https://sign.example/").base_url == "https://sign.example"
    assert Settings(home=tmp_path).base_url == "http://127.0.0.1:8000"
