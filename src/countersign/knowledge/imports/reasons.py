"""Why a row or a file was refused, in the reader's language: what an import wrote is found again among these texts."""

from __future__ import annotations

import re
from collections.abc import Callable

Say = Callable[[str], str]


def _(text: str) -> str:
    """Marks a text for the catalogue."""
    return text


FIELDS = {
    "code": _("Code"), "name": _("Name"), "description": _("Description"), "type": _("Type"),
    "category": _("Category"), "subcategory": _("Subcategory"), "unit": _("Unit"), "currency": _("Currency"),
    "unit_price": _("Unit price"), "default_quantity": _("Usual quantity"),
}  # fmt: skip
VALUES = (
    _("is missing"),
    _("« %(value)s » is not a number"),
    _("« %(value)s » is not a date, such as 31/01/2026"),
    _("is longer than %(most)s characters"),
    _("is too large"),
    _("%(value)s is outside the limits"),
    _("« %(value)s » is none of %(words)s"),
    _("the same stands in row %(row)s already"),
    _("another row has the same"),
    _("there is no row %(row)s in %(table)s"),
    _("exists already"),
)
TEXTS = (
    _("code %(code)s stands in row %(row)s already"),
    _("code %(code)s exists already"),
    _("line %(line)s: %(found)s cells, %(expected)s expected"),
    _("row %(row)s: %(found)s cells, %(expected)s expected"),
    _("line %(line)s: a quotation mark is opened or closed in the wrong place"),
    _("line %(line)s: a character cannot be read or stored"),
    _("element %(element)s: a character cannot be read or stored"),
    _("line %(line)s: not an object with named values"),
    _("element %(element)s: not an object with named values"),
    _("line %(line)s has %(count)s values, %(most)s at most."),
    _("element %(element)s has %(count)s values, %(most)s at most."),
    _("line %(line)s: something follows the object"),
    _("line %(line)s: nested too deeply"),
    _("%(file)s, line %(line)s: longer than %(most)s characters."),
    _("%(file)s, row %(row)s: a cell of over %(most)s characters."),
    _("%(file)s: files end with %(endings)s."),
    _("%(file)s: the line of the column names is damaged: %(why)s."),
    _("%(file)s: %(part)s is nested too deeply."),
    _("%(file)s: %(part)s unpacks to more than %(most)s bytes."),
    _("%(file)s: %(part)s is no sheet that a spreadsheet would write."),
    _("%(file)s holds no rows."),
    _("%(file)s holds no sheets."),
    _("%(file)s is empty."),
    _("%(file)s must hold an array of objects; objects one a line are JSON Lines (.jsonl)."),
    _("%(file)s cannot be opened: %(why)s."),
    _("%(file)s has more than %(most)s bytes. Split it, or raise COUNTERSIGN_MAX_IMPORT_BYTES."),
    _("%(file)s has more than %(most)s columns."),
    _("%(file)s has two columns of the same name: %(names)s."),
    _("%(file)s has no sheet %(sheet)s, but %(sheets)s."),
    _("%(file)s is a ZIP archive or a workbook. Unpack it, or use `import excel`."),
    _("%(file)s is no workbook: it has no %(part)s."),
    _("%(file)s is compressed in a way that no spreadsheet uses."),
    _("%(file)s declares a document type, which no spreadsheet does."),
    _("%(file)s is an old .xls, or protected by a password. Save it as .xlsx without one."),
    _("%(file)s is no .xlsx workbook, or it is cut off."),
    _("%(file)s is an archive of too many files for a workbook."),
    _("%(file)s is damaged or cut off at element %(element)s: %(why)s."),
    _("%(file)s is damaged or cut off: %(why)s."),
    _("No file was sent: choose one."),
    _("No column looks like %(name)s. Name one in a mapping."),
    _("No column has the name of one of %(table)s. Say which goes where in a mapping."),
    _("The mapping must say where %(names)s comes from."),
    _("%(table)s has no column %(name)s."),
    _("The worker fell silent %(times)s times; the job was given up."),
    _("line %(line)s: %(why)s"),
)
_FIELD = re.compile(r"([a-z][a-z0-9_]*(?:, [a-z][a-z0-9_]*)*): (.*)", re.DOTALL)


def told(text: str, say: Say) -> str:
    """*text* as an import wrote it, in the language of *say*; as it stands when nobody foresaw it."""
    if field := _FIELD.fullmatch(text):
        return f"{say(FIELDS.get(field[1], field[1]))} – {say(field[2])}"
    return say(text)
