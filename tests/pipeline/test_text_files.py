"""pipeline/text_files.py: text is UTF-8, with or without a mark, and anything else is named."""

import pytest

from pipeline.text_files import TextError, decoded


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_text_is_read_without_its_mark(encoding: str) -> None:
    assert decoded("größe = 1\n".encode(encoding)) == "größe = 1\n"


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-16", "it has the byte order mark (BOM) of UTF-16. Save it as UTF-8."),
        ("utf-32", "it has the byte order mark (BOM) of UTF-32. Save it as UTF-8."),
        ("latin-1", "can't decode byte"),
    ],
)
def test_what_is_no_utf_8_is_refused_with_what_it_seems_to_be(encoding: str, message: str) -> None:
    with pytest.raises(TextError) as refused:
        decoded("größe = 1\n".encode(encoding))
    assert message in str(refused.value)
    assert str(refused.value).endswith("Save it as UTF-8.")
