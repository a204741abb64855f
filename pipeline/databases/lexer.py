"""Which parts of an SQL text are code, and which are literals, quoted names and comments, in which nothing is meant."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["code", "quoted", "comment"]

# Where something begins that is no code: a string (one with E before it knows backslashes), a quoted name, a dollar
# quote, or a comment.
_BEGIN = re.compile(
    r"""(?P<escaped>(?<![\w$])[eE]')|(?P<quote>['"`])|(?P<dollar>(?<![\w$])\$(?:[^\W\d]\w*)?\$)|(?P<line>--)|(?P<block>/\*)"""
)
_ENDS = {
    "'": re.compile(r"(?:[^']|'')*(?:'|\Z)"),
    '"': re.compile(r'(?:[^"]|"")*(?:"|\Z)'),
    "`": re.compile(r"(?:[^`]|``)*(?:`|\Z)"),
}
_ESCAPED_END = re.compile(r"(?:[^'\\]|\\.|'')*(?:'|\Z)", re.DOTALL)
_LINE_END = re.compile(r"[^\n]*\n?")
_BLOCK = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Span:
    """A stretch of an SQL text.

    Attributes:
        kind: `code`, `quoted` for a literal or a quoted name, or `comment`.
        text: as it stands there.
    """

    kind: Kind
    text: str


def split(sql: str) -> list[Span]:
    """Cut an SQL text into spans; together they are the text."""
    return [Span(kind, text) for kind, text in _spans(sql) if text]


def trimmed(sql: str) -> str:
    """An SQL text without the semicolons at its end, and the comments after them; empty where it has no code at all."""
    spans = split(sql.strip())
    place = len(spans)
    while place:
        place -= 1
        last = spans[place]
        code = last.text.rstrip() if last.kind == "code" else ""
        if code.endswith(";"):
            # What stands after it goes; there may be more of its kind before it.
            spans[place:] = [Span("code", code.rstrip("; \t\r\n"))]
            place += 1
        elif code or last.kind == "quoted":
            return "".join(span.text for span in spans)
    return ""


def line_of_second(sql: str) -> int:
    """The line of the first semicolon in code, behind which a second statement may begin; 0 where there is none."""
    line = 1
    for span in split(sql):
        before, semicolon, _ = span.text.partition(";") if span.kind == "code" else (span.text, "", "")
        line += before.count("\n")
        if semicolon:
            return line
    return 0


def _spans(sql: str) -> Iterator[tuple[Kind, str]]:
    place = 0
    while begin := _BEGIN.search(sql, place):
        yield "code", sql[place : begin.start()]
        place = _end(sql, begin)
        yield "comment" if begin["line"] or begin["block"] else "quoted", sql[begin.start() : place]
    yield "code", sql[place:]


def _end(sql: str, begin: re.Match[str]) -> int:
    """Where what begins there ends: at the end of the text where nothing closes it."""
    if begin["block"]:
        return _end_of_block(sql, begin.end())
    if begin["dollar"]:
        end = sql.find(begin["dollar"], begin.end())
        return len(sql) if end < 0 else end + len(begin["dollar"])
    pattern = _LINE_END if begin["line"] else _ESCAPED_END if begin["escaped"] else _ENDS[begin["quote"]]
    match = pattern.match(sql, begin.end())
    return match.end() if match else len(sql)


def _end_of_block(sql: str, place: int) -> int:
    """The end of a comment, in which others may lie, as in Postgres; of the first one where they do not add up."""
    depth, first = 1, 0
    for mark in _BLOCK.finditer(sql, place):
        depth += 1 if mark[0] == "/*" else -1
        first = first or (mark.end() if mark[0] == "*/" else 0)
        if not depth:
            return mark.end()
    return first or len(sql)
