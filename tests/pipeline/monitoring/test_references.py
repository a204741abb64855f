"""pipeline/monitoring/references.py: what training looked like is read as it was written, and refused when altered."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import UsageError
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.profile import SCORE
from pipeline.monitoring.references import Reference
from tests.pipeline.monitoring.training import registered


def test_what_is_read_is_what_was_counted(
    pinned: PinnedVersion, reference: Reference, nights: pd.DataFrame
) -> None:
    assert reference.training_days == tuple(sorted(nights["night"].unique()))
    assert reference.rows.tolist() == nights.groupby("night").size().tolist()
    assert set(reference.counts) == {column.name for column in pinned.manifest.columns} | {SCORE}
    again = Reference.read(reference.content())
    assert again.content() == reference.content()


def test_an_altered_profile_is_refused(nights: pd.DataFrame, tmp_path: Path) -> None:
    pinned = registered(tmp_path, nights.head(2000))
    (pinned.folder / "profile.json").write_text("{}")
    with pytest.raises(
        ModelError, match="profile.json is not the registered profile.*Restore the file from git"
    ):
        references.load(pinned)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"night_column": "day"}, "no day column 'day' in the training days"),
        ({"score_column": "probability"}, "no score column 'probability'"),
        ({"night_column": "amount_text"}, "row 0 has no day"),
        ({"score_column": "amount_text"}, "row 0 has no finite score"),
    ],
)
def test_nights_that_cannot_be_used_are_refused(
    pinned: PinnedVersion, nights: pd.DataFrame, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        references.build(nights.head(500).assign(amount_text="x"), pinned.manifest, **columns)
