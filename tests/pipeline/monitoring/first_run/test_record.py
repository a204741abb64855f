"""pipeline/monitoring/first_run/record.py: the same evidence is the same bytes, and edited bytes are refused."""

import pytest

from pipeline.model import registry
from pipeline.monitoring.first_run import record
from pipeline.monitoring.first_run.record import EvidenceError
from tests.home import Home
from tests.pipeline.monitoring.first_run.promotions import evidence_of, keep, promotion_of
from tests.pipeline.shop import open_shop


def test_a_record_is_read_as_it_was_written_and_in_no_other_way(home: Home) -> None:
    open_shop(home)
    pinned = registry.resolve(home.path, "shop", "champion")
    assert record.read(home.path, "champion", pinned) is None
    promotion = promotion_of(pinned, 7, evidence_of("shop"), reason="ünique")
    path = keep(home.path, promotion)
    assert record.read(home.path, "champion", pinned) == promotion
    content = path.read_bytes()
    assert content == promotion.content()
    # A line a date.
    assert content.count(b'"score_date"') == content.count(b'{"score_date"') == 12
    for edited in (
        content.replace(b'"shift": 0.0', b'"shift": 0.5', 1),
        content.replace(b'"ada"', b'"bob"'),
        content.rstrip(),
        b"[]",
        b"{",
        b"\xff",
    ):
        path.write_bytes(edited)
        with pytest.raises(
            EvidenceError, match=r"champion-1.json (cannot be used|was edited).* Restore it from git"
        ):
            record.read(home.path, "champion", pinned)
    keep(home.path, promotion.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(EvidenceError, match="is of another version than shop version 1"):
        record.read(home.path, "champion", pinned)
