"""Numbers, money and times as people of one language write them. Money stays ``Decimal`` to the last character."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from babel import dates, numbers
from markupsafe import Markup

NONE = "—"


def decimal_of(value: Any) -> Decimal | None:
    """*value* as an exact number, or None when it is none. Stored JSON carries numbers as text."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


class Formats:
    """The filters of one language."""

    def __init__(self, locale: str) -> None:
        self.locale = locale

    def number(self, value: Any, digits: int | None = None) -> str:
        """``1 234,5``; *digits* fixes the decimals, else those that matter are shown."""
        exact = decimal_of(value)
        if exact is None:
            return NONE
        if digits is None:
            pattern = "#,##0.##########"
            exact = exact.normalize() if exact else Decimal(0)
        else:
            pattern = "#,##0." + "0" * digits if digits else "#,##0"
        return numbers.format_decimal(exact, pattern, self.locale)

    def money(self, value: Any, currency: str = "EUR") -> str:
        """``45,50 €``: two decimals, four where the price has them."""
        exact = decimal_of(value)
        if exact is None:
            return NONE
        front = self.locale == "en"
        pattern = "¤#,##0.00##" if front else "#,##0.00##\u00a0¤"
        return numbers.format_currency(exact, currency, pattern, self.locale, currency_digits=False)

    def percent(self, value: Any, digits: int = 0) -> str:
        """``42 %`` of a share between 0 and 1."""
        exact = decimal_of(value)
        if exact is None:
            return NONE
        mark = "%" if self.locale == "en" else "\u202f%"
        return numbers.format_decimal(exact * 100, "#,##0." + "0" * digits if digits else "#,##0", self.locale) + mark

    def seconds(self, milliseconds: Any) -> str:
        """``2,4 s`` from milliseconds."""
        exact = decimal_of(milliseconds)
        if exact is None:
            return NONE
        return self.number(exact / 1000, 1) + "\u00a0s"

    def exact(self, moment: datetime, zone: tzinfo | None = None) -> str:
        """The whole date and time, in the reader's zone."""
        pattern = "EEEE d MMMM y 'à' HH:mm" if self.locale == "fr" else "EEEE d MMMM y 'at' HH:mm"
        return dates.format_datetime(moment, pattern, tzinfo=zone, locale=self.locale)

    def day(self, moment: datetime, zone: tzinfo | None = None) -> str:
        """``12 mars``, with the year when it is another one."""
        local = moment.astimezone(zone)
        pattern = "d MMMM" if local.year == datetime.now(zone).year else "d MMMM y"
        return dates.format_date(local, pattern, self.locale)

    def when(self, moment: datetime | None, zone: tzinfo | None = None) -> Markup:
        """``il y a 3 min`` with the exact time on hover; a date after a week."""
        if moment is None:
            return Markup(NONE)
        ago = moment - datetime.now(UTC)
        if abs(ago.total_seconds()) < 45:
            text = {"fr": "à l’instant"}.get(self.locale, "just now")
        elif abs(ago.days) < 7:
            text = dates.format_timedelta(
                ago, granularity="minute", add_direction=True, locale=self.locale, format="short"
            )
        else:
            text = self.day(moment, zone)
        stamp = moment.astimezone(UTC).isoformat(timespec="seconds")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, self.exact(moment, zone), text)
