"""How questions are worded in English."""

from __future__ import annotations

from .wording import UNITS, Lexicon, classes, each, pattern, phrases, words

ENGLISH = Lexicon(
    phrases=phrases(
        *UNITS,
        (r"\b(?:can|could|would|will)\s+you\s+(?:please\s+)?(?:tell|give)\s+(?:me|us)\b(?:\s+(?:if|whether)\b)?", " "),
        (r"\bplease\s+(?:tell|give)\s+(?:me|us)\b|\b(?:tell|give)\s+me\b", " "),
        (r"\b(?:i|we)(?:\s+would|'d)?\s+(?:like|want|need)\s+to\s+know\b(?:\s+(?:if|whether)\b)?", " "),
        (r"\bdo\s+you\s+know\b(?:\s+(?:if|whether)\b)?", " "),
        (r"\bhow\s+much\s+(?:do|does)\b(?=.*\bcosts?\b)|\bhow\s+much\s+(?:is|are)\b", " what price "),
        (r"\bhow\s+long\b", " what duration "),
        (r"\bhow\s+(?:many|much)\b", " howmany "),
        (r"\bin\s+(?:the\s+)?(?:case|event)\s+of\b", " ; "),
    ),
    holding=words(
        """the a an of and is are was were be been being do does did have has had having my our your his her its their
        this that these those i we you he she they it there what which who whose when if please hello hi thanks d s
        exactly currently"""
    ),
    turning={
        **each(
            "with without not no nor neither never none except outside more less before after under over below above"
        ),
        **each("between against by or during while than only to from"),
    },
    leading=each("in on at for into via through"),
    modals=classes(
        "can may could possible allowed permitted", "must should shall required mandatory obliged obligatory"
    ),
    asking=each("when how why where who whom howmany"),
    which=frozenset(("what", "which")),
    being=words("is are be was were been being"),
    same=classes(
        "price prices cost costs",
        "duration durations",
        "maximum maximal max",
        "minimum minimal min",
        "contain contains include includes comprise comprises",
    ),
    floating=frozenset(),
    roots=each("renew terminat calculat resign cancel extend replac install"),
    lettered=words("class type category level group zone series lot option annex block phase model grade"),
    inverted=pattern(r"^\W*(?:is|are|was|were|do|does|did|can|may|could|must|should|shall|have|has|will|would)\b"),
    follows=pattern(
        r"^\W*(?:and|but|so|same|also|then)\b|\b(?:it|they|them|this one|that one|these|those|the latter|the former)\b"
    ),
)
