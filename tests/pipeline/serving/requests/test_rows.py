"""pipeline/serving/requests/rows.py: rows of JSON as a database would have sent them."""

import pyarrow as pa
import pytest

from pipeline.contract.contract import Column, Contract
from pipeline.serving.requests import rows
from pipeline.serving.requests.body import Number, parse
from pipeline.serving.requests.limits import Limits, Refused

CONTRACT = Contract(
    (
        Column("visits", "integer", "int64", nullable=False),
        Column("channel", "text", "str", nullable=True),
        Column("member", "boolean", "bool", nullable=False),
        Column("seen", "instant", "datetime64[us, UTC]", nullable=True),
    )
)


def test_each_kind_of_value_is_a_text_as_a_database_would_send_it() -> None:
    sent = parse(
        b'[{"entity_id": "a", "visits": 12.0, "channel": "web", "member": true, "seen": "2024-03-01T00:00:00Z"},'
        b' {"entity_id": -7, "visits": "12", "channel": 5, "member": 1, "seen": 5},'
        b' {"entity_id": 1.5, "visits": [], "channel": {}, "member": "true"}, {}]'
    )
    batch = rows.batch(sent, CONTRACT)
    contents = [column.view(pa.binary()).to_pylist() for column in batch.columns]
    assert batch.schema.names == ["entity_id", "visits", "channel", "member", "seen"]
    assert contents == [
        [b"a", b"-7", b"\xff1.5", None],
        [b"12.0", b'"12"', b"[...]", None],
        [b"web", b"\xff5", b"\xff{...}", None],
        [b"true", b"1", b'"true"', None],
        [b"2024-03-01T00:00:00Z", b"5", None, None],
    ]


def test_half_of_a_pair_of_utf_16_is_no_text() -> None:
    [content] = rows.batch([{"channel": "\ud800"}], CONTRACT).column("channel").view(pa.binary()).to_pylist()
    with pytest.raises(UnicodeDecodeError):
        content.decode()


def test_a_key_that_is_no_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(Refused, match=r"rows\[1\] has 'Visits', .* Did you mean 'visits'\?") as refused:
        rows.require_columns([{}, {"Visits": Number("1")}], CONTRACT)
    assert refused.value.status == 422


def test_a_request_has_rows_and_not_too_many() -> None:
    assert rows.of({"rows": [{}]}, Limits()) == [{}]
    wrongs: list[object] = [{}, {"rows": {}}, {"rows": []}, {"rows": [1]}, None]
    for wrong in wrongs:
        with pytest.raises(Refused):
            rows.of(wrong, Limits())
    with pytest.raises(Refused, match="3 rows came, and one request has 2 at most"):
        rows.of({"rows": [{}, {}, {}]}, Limits(rows=2))
