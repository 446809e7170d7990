"""Homes for tests that start servers.

Not below pytest's own directory: each pytest that starts closes that one to every other user, and as root PostgreSQL
is another user.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def _place() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="countersign-test-"))
    try:
        yield directory / "home"
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def home_path() -> Iterator[Path]:
    """A home that does not exist yet, of this test alone."""
    with _place() as path:
        yield path


@pytest.fixture(scope="module")
def shared_home_path() -> Iterator[Path]:
    """A home that does not exist yet, for the tests of one file."""
    with _place() as path:
        yield path
