"""pipeline/databases/lexer.py: an SQL text is cut into code, literals and comments."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.databases import lexer


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_any_text_is_cut_into_itself(text: str) -> None:
    assert "".join(span.text for span in lexer.split(text)) == text


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("SELECT 1", ["code"]),
        ("SELECT 'it''s' AS a", ["code", "quoted", "code"]),
        (r"SELECT E'it\'s'", ["code", "quoted"]),
        ('SELECT "a;b"', ["code", "quoted"]),
        ("SELECT $q$ 'x' $q$", ["code", "quoted"]),
        ("SELECT a$1 -- end", ["code", "comment"]),
        ("/* a /* b */ c */ SELECT 1", ["comment", "code"]),
        ("SELECT 'open", ["code", "quoted"]),
    ],
)
def test_what_a_text_is_made_of(sql: str, kinds: list[str]) -> None:
    assert [span.kind for span in lexer.split(sql)] == kinds


@pytest.mark.parametrize(
    ("sql", "trimmed"),
    [
        (" SELECT 1 ; ", "SELECT 1"),
        ("SELECT 1; -- the end;\n;", "SELECT 1"),
        ("SELECT ';'", "SELECT ';'"),
        ("SELECT 1 -- kept", "SELECT 1 -- kept"),
        ("-- nothing", ""),
        (";;", ""),
    ],
)
def test_what_ends_a_text_is_taken_away(sql: str, trimmed: str) -> None:
    assert lexer.trimmed(sql) == trimmed


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("SELECT 1", 0),
        ("SELECT ';' -- ;\n/* ; */", 0),
        ("SELECT 1; SELECT 2", 1),
        ("/* a\n; */ SELECT ';',\n1; COMMIT", 3),
    ],
)
def test_a_second_statement_has_its_line(sql: str, line: int) -> None:
    assert lexer.line_of_second(sql) == line
