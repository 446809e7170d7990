"""The documentation names everything that exists, and nothing that does not."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer

from countersign import cli, main
from countersign.kernel.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def operations() -> set[tuple[str, str]]:
    """``(METHOD path, permission)`` of the JSON API."""
    return {
        (f"{method} {route.path}", route.openapi_extra["x-permission"])
        for router in main.ROUTES
        for route in router.routes
        for method in route.methods
        if route.path.startswith(("/api/v1", "/v1/"))
    }


def commands() -> set[str]:
    """Every command as one types it: ``countersign token create``."""
    root = typer.main.get_command(cli.app)
    found: set[str] = set()
    for name in root.list_commands(None):  # type: ignore[attr-defined]
        command = root.get_command(None, name)  # type: ignore[attr-defined]
        deeper = getattr(command, "commands", {})
        found |= {f"countersign {name} {part}" for part in deeper} or {f"countersign {name}"}
    return found


def test_the_api_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    rows = set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) \S+)` \| (\S+|signed in) \|$", text, re.MULTILINE))
    assert {(operation, permission.replace("signed in", "signed-in")) for operation, permission in rows} == operations()


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    documented = {
        " ".join(re.split(r" (?=[\[\-A-Z])", row)[0].split())
        for row in re.findall(r"^\| `(countersign [^`]+)`", text, re.MULTILINE)
    }
    assert documented == commands()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_settings_of_a_page_exist(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
    named = set(re.findall(r"COUNTERSIGN_([A-Z][A-Z_]+[A-Z])", text))
    assert named <= {name.upper() for name in Settings.model_fields}


def test_make_explains_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = set(next(line for line in text.splitlines() if line.startswith(".PHONY")).split(":")[1].split())
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    explained = set(re.findall(r"^  make (\S+)", shown, re.MULTILINE))
    assert explained == phony - {"system-packages"}
    assert explained == {"help", "setup", "run", "test", "check", "bench", "schema", "clean"}


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers))
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]} "), path.name
        assert all(part in text for part in ("**Context.**", "**Decision.**")), path.name
