"""Text that others wrote, unable to pass for what frames it in a prompt: delimiters, roles, hidden words.

A model reads look-alikes as what they look like, and many model servers read the marks of their chat template wherever
they stand. Whatever resembles either loses its opening bracket, and nothing else of the text is changed.
"""

from __future__ import annotations

import re
import unicodedata

BROKEN = "("
AHEAD = 48  # characters after a bracket that say whether it opens a mark

# Characters that nobody sees and a model reads: tags, selectors, turns of the direction, widths of nothing.
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_OPENING = re.compile(
    r"[<\u02c2\u1438\u2039\u227a\u2329\u276c\u276e\u2770\u27e8\u29fc\u3008\ufe64\uff1c]|&(?:lt|#0*60|#x0*3c);?",
    re.IGNORECASE,
)
# Our delimiters, and the marks of chat templates: <|…|>, <s>, <<SYS>>, <start_of_turn>.
_MARK = re.compile(r"\s*/?\s*(?:source|learned)|\||(?:/?s|bos|eos|pad|unk|(?:start|end)_of_turn)>|<\s*/?sys|sys>>")
_TOOLS = re.compile(
    r"\[(?=\s*/?\s*(?:inst|system_prompt|available_tools|tool_calls|tool_results|tool_content|args|think)\s*\])",
    re.IGNORECASE,
)
_LIKE = dict(zip("ѕꜱоοօᴏ0υսᴜгᴦʀсϲᴄеҽєε℮ӏіɩ1аαɑոпνԁ⁄∕⧸╱", "ssooooouuurrrccceeeeellllaaannnd////", strict=True))


def defused(text: str) -> str:
    """*text* in which nothing looks like a mark that frames a prompt, and nothing is hidden."""
    text = _TOOLS.sub(BROKEN, _UNSEEN.sub("", text))
    return _OPENING.sub(lambda found: BROKEN if _opens(text, found.end()) else found[0], text)


def _opens(text: str, place: int) -> bool:
    return _MARK.match(plain(text[place : place + AHEAD])) is not None


def plain(text: str) -> str:
    """*text* as it looks: small Latin letters for all that resemble them, no accents, nothing without width."""
    split = unicodedata.normalize("NFKD", text)
    seen = (c for c in split if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return "".join(_LIKE.get(c, c) for letter in seen for c in letter.lower())
