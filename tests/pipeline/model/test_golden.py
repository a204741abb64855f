"""Golden rows have to get the scores that they got when the model was registered."""

import pytest

from pipeline.model.artifact import ModelError
from pipeline.model.golden import check_golden_rows
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from tests.home import Home
from tests.pipeline.model.spoiling import edit, load


def test_golden_rows_that_score_otherwise_are_refused(home: Home, pinned: PinnedVersion) -> None:
    edit(pinned.folder / "manifest.json", r'"visits": \d+', '"visits": 1')
    with pytest.raises(ModelError, match="does not score its golden rows as it did when it was registered"):
        load(home)


@pytest.mark.parametrize(
    ("pattern", "instead", "complaint"),
    [
        (r'"visits": \d+', '"visit": 1', "cannot score its golden rows: KeyError: 'visits'"),
        (r'"channel": "\w+"', '"channel": 3', "cannot score its golden rows: ArrowTypeError"),
        (
            r'"golden_scores": \[\n *[\d.e-]+',
            '"golden_scores": [',
            "does not score its golden rows as it did",
        ),
    ],
)
def test_golden_rows_that_cannot_be_scored_are_refused(
    home: Home, pinned: PinnedVersion, pattern: str, instead: str, complaint: str
) -> None:
    edit(pinned.folder / "manifest.json", pattern, instead)
    path = pinned.folder / "manifest.json"
    path.write_text(path.read_text().replace("[,", "["))
    with pytest.raises(ModelError, match=complaint):
        load(home)


def test_golden_rows_of_a_model_that_starts_a_program_say_that_it_may_not(pinned: PinnedVersion) -> None:
    class Starts:
        def predict_proba(self, rows: object) -> None:
            raise PermissionError(1, "Operation not permitted")

    with pytest.raises(ModelError, match="golden rows: PermissionError.*starts no program"):
        check_golden_rows(Model(pinned.manifest, Starts()))
