"""Named statements: each room keeps its SQL in ``queries.sql``, and Python calls it by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

_HEADER = re.compile(r"^-- ([a-z][a-z0-9_]*)\n-- (.+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with ``%(name)s`` parameters, its name and the line that describes it."""

    name: str
    text: str
    about: str
    room: str

    @property
    def parameters(self) -> list[str]:
        """Names of its parameters, in order of first use."""
        return list(dict.fromkeys(re.findall(r"%\((\w+)\)s", self.text)))


class Room:
    """The statements of one room as attributes: ``sql.open_session``."""

    def __init__(self, package: str, statements: dict[str, Statement]) -> None:
        self.package = package
        self._statements = statements

    def __getattr__(self, name: str) -> Statement:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"{self.package}/queries.sql has no statement {name!r}") from None

    def __iter__(self):
        return iter(self._statements.values())


@cache
def load(package: str) -> Room:
    """Statements of ``queries.sql`` in *package*: two comment lines (name, description), then the text."""
    text = resources.files(package).joinpath("queries.sql").read_text(encoding="utf-8")
    heads = list(_HEADER.finditer(text))
    found: dict[str, Statement] = {}
    for head, following in zip(heads, [*heads[1:], None], strict=False):
        name, about = head.groups()
        if name in found:
            raise ValueError(f"{package}/queries.sql names {name!r} twice")
        body = text[head.end() : following.start() if following else len(text)].strip().rstrip(";")
        found[name] = Statement(name, body, about, package)
    if text.strip() and not found:
        raise ValueError(f"{package}/queries.sql holds no named statement")
    return Room(package, found)
