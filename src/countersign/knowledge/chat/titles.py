"""A conversation is named after its first question: what it is about, without the words that only ask."""

from __future__ import annotations

import re

LONGEST = 70
_HELLO = re.compile(r"^(?:bonjour|bonsoir|salut|hello|hi|good morning|dear \w+)\b[\s,.!–-]*", re.IGNORECASE)
_ASKING = (
    r"(?:s['’]il (?:te|vous) pla[iî]t|svp|stp|please)[\s,]*",
    r"(?:peux-tu|pouvez-vous|pourrais-tu|pourriez-vous|veux-tu|voulez-vous|merci de|(?:can|could|would) you)\s+"
    r"(?:(?:me|nous)\s+)?(?:s['’]il (?:te|vous) pla[iî]t\s+)?(?:(?:please\s+)?(?:tell|give) (?:me|us)\s+|"
    r"(?:dire|donner|indiquer|préciser|expliquer|rappeler)\s+)?",
    r"(?:je (?:voudrais|veux|souhaite|souhaiterais|cherche à|aimerais)|i(?: would|['’]d) like to)\s+"
    r"(?:savoir|connaître|know)\s+",
    r"(?:dis|dites|donne|donnez|indique|indiquez)[- ]moi\s+|(?:donne|donnez|indique|indiquez)\s+|(?:tell|give) me\s+",
    r"(?:quel(?:le)?s? (?:est|sont|sera|seront|était|étaient)|what(?:['’]s| is| are| was| were))\s+",
    r"est-ce que\s+",
    r"(?:les?|la|l['’]|the|une?|an?)\s*(?=\S)",
)
_OPENINGS = [re.compile(rf"^(?:{opening})", re.IGNORECASE) for opening in _ASKING]
_CLOSING = re.compile(
    r"[\s,]*(?:s['’]il (?:te|vous) pla[iî]t|svp|stp|please|merci(?: d['’]avance)?|thank(?:s| you))?[\s?.!…]*$",
    re.IGNORECASE,
)


def title(question: str) -> str:
    """A short name for a conversation that begins with *question*; never empty when *question* is not."""
    text = " ".join(question.split())
    short = asked = _CLOSING.sub("", _HELLO.sub("", text))
    for opening in _OPENINGS:
        # An article is only left out after what asks for it: “La dalle fuit” keeps its own.
        if opening is _OPENINGS[-1] and short == asked:
            break
        short = opening.sub("", short)
    short = short.strip(" ,;:–-") or text
    if len(short) > LONGEST:
        short = short[:LONGEST].rsplit(" ", 1)[0].rstrip(" ,;:–-") + "…"
    return short[:1].upper() + short[1:]
