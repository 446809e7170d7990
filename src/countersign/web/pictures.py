"""Small pictures made on the server as SVG: presentation attributes only, so the strict policy lets them through."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from markupsafe import Markup

WIDTH = 600


def split(parts: Sequence[tuple[str, Decimal, str]], *, title: str) -> Markup:
    """A bar cut in proportion: ``(name, amount, css class)``. *title* says in words what it shows."""
    total = sum((amount for _, amount, _ in parts), Decimal(0))
    drawn: list[Markup] = []
    left = Decimal(0)
    for name, amount, kind in parts:
        width = amount / total * WIDTH if total else Decimal(0)
        if width > 0:
            drawn.append(
                Markup('<rect class="{}" x="{}" y="0" width="{}" height="16"><title>{}</title></rect>').format(
                    kind, _short(left), _short(max(width - 2, Decimal(1))), name
                )
            )
        left += width
    return Markup(
        '<svg class="split" viewBox="0 0 {} 16" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, title, Markup("").join(drawn))


def steps(values: Sequence[Decimal], *, title: str) -> Markup:
    """How a price went, one step a change, the present one as a dot; lowest at the bottom. *title* says it in words."""
    low, high = min(values), max(values)
    wide = Decimal(WIDTH - 16) / len(values)
    points: list[str] = []
    y = Decimal(0)
    for place, value in enumerate(values):
        y = Decimal(40) if low == high else 72 - (value - low) / (high - low) * 64
        points += [f"{_short(8 + place * wide)},{_short(y)}", f"{_short(8 + (place + 1) * wide)},{_short(y)}"]
    return Markup(
        '<svg class="steps" viewBox="0 0 {} 80" role="img" aria-label="{}">'
        '<polyline points="{}" fill="none" stroke-width="2"/><circle cx="{}" cy="{}" r="4"/></svg>'
    ).format(WIDTH, title, " ".join(points), WIDTH - 8, _short(y))


def bars(values: Sequence[Decimal | int | None], *, title: str) -> Markup:
    """One bar a day, the last as it is now; None leaves a gap. *title* says in words what it shows."""
    highest = max((Decimal(value) for value in values if value is not None), default=Decimal(0)) or Decimal(1)
    wide = Decimal(WIDTH) / max(len(values), 1)
    drawn: list[Markup] = []
    for place, value in enumerate(values):
        if value is not None:
            high = max(Decimal(value) / highest * 76, Decimal(1))
            drawn.append(
                Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(
                    _short(place * wide), _short(80 - high), _short(wide * Decimal("0.8")), _short(high)
                )
            )
    return Markup(
        '<svg class="bars" viewBox="0 0 {} 80" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, title, Markup("").join(drawn))


def score(share: float) -> Markup:
    """A thin bar for a score between 0 and 1; the figure stands beside it, so it is silent."""
    width = round(max(0.0, min(1.0, share)) * 48, 1)
    return Markup(
        '<svg class="score" width="48" height="4" viewBox="0 0 48 4" aria-hidden="true" focusable="false">'
        '<rect class="ground" width="48" height="4" rx="2"/><rect class="bar" width="{}" height="4" rx="2"/></svg>'
    ).format(width)


def _short(value: Decimal) -> str:
    return f"{value:.2f}"
