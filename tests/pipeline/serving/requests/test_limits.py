"""pipeline/serving/requests/limits.py: what is taken, from the environment."""

import pytest

from pipeline.errors import UsageError
from pipeline.serving.requests.limits import BODY_MB, ROWS, WAITING, Limits


def test_an_environment_sets_them() -> None:
    assert Limits.of({}) == Limits()
    assert Limits.of({ROWS: "5", BODY_MB: "0.5"}) == Limits(rows=5, body_bytes=500_000)
    assert Limits.of({ROWS: "50", WAITING: "7"}).waiting_rows == 50, "one whole request can always wait"


@pytest.mark.parametrize("text", ["0", "-1", "many", "inf", "nan"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"{ROWS}='{text}': set it to a positive number"):
        Limits.of({ROWS: text})
