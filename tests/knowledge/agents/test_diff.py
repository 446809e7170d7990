"""Two prompts compared: nothing is lost, and the words that changed are the ones that are marked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from countersign.knowledge.agents import diff

TEXT = st.lists(st.text(alphabet=st.sampled_from("ab é.,\t")), max_size=12).map("\n".join)


@given(TEXT, TEXT)
def test_each_side_can_be_read_in_the_difference(old: str, new: str) -> None:
    found = [line for line in diff.lines(old, new) if line.kind != "skip"]
    for kind, text in (("gone", old), ("new", new)):
        shown = ["".join(part for _, part in line.parts) for line in found if line.kind in (kind, "same")]
        rest = iter(text.splitlines())
        assert all(line in rest for line in shown), "in order, and nothing that is not there"
        said = [line for line in text.splitlines() if line]
        other = (new if kind == "gone" else old).splitlines()
        assert all(line in shown or line in other for line in said), "what the other side lacks is shown"


def test_one_word_is_marked_in_a_long_line() -> None:
    found = diff.lines("Réponds en une phrase, poliment.", "Réponds en deux phrases, poliment.")
    assert [(line.kind, [text for changed, text in line.parts if changed]) for line in found] == [
        ("gone", ["une", "phrase"]),
        ("new", ["deux", "phrases"]),
    ]
    assert diff.lines("a\nb", "a\nb") == []


def test_far_lines_are_left_out() -> None:
    text = [str(n) for n in range(40)]
    found = diff.lines("\n".join(text), "\n".join([*text[:20], "neu", *text[20:]]))
    assert [line.kind for line in found] == ["skip", *["same"] * 3, "new", *["same"] * 3, "skip"]
