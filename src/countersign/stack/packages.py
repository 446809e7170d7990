"""Where the packages of the embedded stack keep their files, found without importing them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from .errors import PackageMissing


def package_directory(module: str, distribution: str) -> Path:
    """Directory of *module*. Raises ``PackageMissing`` with the command that installs *distribution*."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise PackageMissing(
            f"The package {distribution} is not installed: run `make setup`, or configure the service."
        )
    return Path(spec.origin).parent
