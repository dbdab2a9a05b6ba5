"""Folding comes to what its definition says, by whichever way."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from models.text import fold

ASCII = st.text(st.characters(max_codepoint=127), max_size=20)


@given(ASCII | st.text(max_size=20) | st.builds("{}{}".format, ASCII, st.sampled_from("ßİ\u017f\u212a\u00a0\u0301\u2003")))
def test_folded_text_is_trimmed_then_composed_then_case_folded(text: str) -> None:
    assert fold(text) == unicodedata.normalize("NFC", text.strip()).casefold()
