"""pipeline/reports/render.py: whatever comes from data is escaped, and a name that is missing is an error."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from jinja2 import DictLoader, UndefinedError

from pipeline.reports import render


@pytest.fixture(autouse=True)
def templates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates of one filter each."""
    loader = DictLoader({
        "text": "{{ value }}", "breakable": "{{ value|breakable }}", "instant": "{{ value|instant }}",
        "numbers": "{{ value|count }} {{ value|number }} {{ value|percent }} {{ MOST }}",
    })  # fmt: skip
    monkeypatch.setattr(render, "_ENVIRONMENT", render._ENVIRONMENT.overlay(loader=loader))


def test_what_comes_from_data_is_escaped() -> None:
    assert render.page("text", value="<b>&") == "&lt;b&gt;&amp;"
    assert render.page("breakable", value="a_<b>") == "a_<wbr>&lt;b&gt;"


def test_a_value_that_is_missing_is_an_error_and_no_gap() -> None:
    with pytest.raises(UndefinedError, match="'value' is undefined"):
        render.page("text")


def test_times_are_in_utc_and_numbers_short() -> None:
    at = datetime(2024, 3, 1, 2, tzinfo=timezone(timedelta(hours=5)))
    assert render.page("instant", value=at) == f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    assert render.page("numbers", value=1234.5678) == f"1,235 1,235 123456.78% {render.MOST}"
