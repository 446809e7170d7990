"""The loader of ``queries.sql``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from countersign.kernel import sql

GOOD = """-- A comment that names nothing.

-- first
-- What the first one does.
SELECT 1;

-- second_one
-- What the second one does, of %(a)s.
SELECT %(a)s::integer,
       -- with a comment inside
       %(b)s::text, %(a)s::integer
"""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple[str, Path]:
    """Name of an importable package without statements, and its ``queries.sql``."""
    name = f"room_{abs(hash(request.node.name))}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    request.addfinalizer(lambda: sys.modules.pop(name, None))
    return name, tmp_path / name / "queries.sql"


def test_statements_by_name(room: tuple[str, Path]) -> None:
    name, file = room
    file.write_text(GOOD)
    loaded = sql.load(name)
    assert [statement.name for statement in loaded] == ["first", "second_one"]
    assert loaded.first.text == "SELECT 1"
    assert loaded.first.about == "What the first one does."
    assert loaded.second_one.parameters == ["a", "b"]
    assert "with a comment inside" in loaded.second_one.text
    assert sql.load(name) is loaded


def test_a_name_that_is_not_there(room: tuple[str, Path]) -> None:
    name, file = room
    file.write_text(GOOD)
    with pytest.raises(AttributeError, match="has no statement 'third'"):
        _ = sql.load(name).third


def test_a_name_given_twice(room: tuple[str, Path]) -> None:
    name, file = room
    file.write_text(GOOD + "\n;\n-- first\n-- Again.\nSELECT 2;\n")
    with pytest.raises(ValueError, match="names 'first' twice"):
        sql.load(name)


def test_a_file_without_names(room: tuple[str, Path]) -> None:
    name, file = room
    file.write_text("SELECT 1;")
    with pytest.raises(ValueError, match="no named statement"):
        sql.load(name)
