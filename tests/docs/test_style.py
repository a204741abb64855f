"""How README.md and docs/ read: short sentences, and a README of a few minutes."""

from pathlib import Path

import pytest

from tests.docs import pages

PAGES = pages.pages()
LONGEST_SENTENCE = 30
LONGEST_README = 150


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(pages.ROOT)) for page in PAGES])
def test_no_sentence_is_long(page: Path) -> None:
    long = [one for one in pages.sentences(page) if pages.words(one) > LONGEST_SENTENCE]
    assert not long, "\n".join(f"{pages.words(one)} words: {one}" for one in long)


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((pages.ROOT / "README.md").read_text().splitlines()) <= LONGEST_README


def test_sentences_are_counted_as_a_reader_counts_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title\n\nOne two three. `code is one` [a link](of/many/words.md), e.g. this one.\n"
        "- an item\n- another item\n\n| a cell | a second cell |\n| --- | --- |\n\n"
        "```console\n$ never counted\n```\n\n<!-- nor this -->\n"
    )
    counted = {one: pages.words(one) for one in pages.sentences(page) if pages.words(one)}
    assert counted == {
        "A title": 2,
        "One two three.": 3,
        "`code` a link, e.g this one.": 6,
        "an item": 2,
        "another item": 2,
        "a cell": 2,
        "a second cell": 3,
    }
