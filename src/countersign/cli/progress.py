"""How ``up`` shows what happens: one line a part, alive on a terminal, plain in a log."""

from __future__ import annotations

import sys
from typing import Any, Self

from ..stack.supervisor import News
from .tools import say


class Progress:
    """``tell`` takes the supervisor's news; ``done`` ends the moving display, later news come as plain lines."""

    def __init__(self) -> None:
        self._bars: Any = None
        self._lines: dict[str, Any] = {}

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bars
            from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bars = Bars(*columns, console=Console(stderr=True))
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done()

    def done(self) -> None:
        """Leaves the display as it is."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def tell(self, news: News) -> None:
        """Shows one piece of news."""
        if self._bars is not None:
            self._move(news)
        elif news.state == "ready":
            say(f"{news.name}: ready after {news.seconds:.1f} s")
        elif news.state == "fell":
            say(f"{news.name} ended ({news.detail}); it is started again in {news.seconds:.0f} s")
        elif news.state == "failed" and news.detail:
            say(f"{news.name}: {news.detail}")

    def _move(self, news: News) -> None:
        if news.state == "starting":
            self._lines[news.name] = self._bars.add_task(news.name, total=1)
        elif news.state in ("ready", "failed") and news.name in self._lines:
            mark = news.name if news.state == "ready" else f"[red]{news.name}: failed[/red]"
            self._bars.update(self._lines[news.name], completed=news.state == "ready", description=mark)
