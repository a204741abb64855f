"""pipeline/candidates/content.py: a candidate's files lie under their digests, and it can be loaded as a version."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.candidates import content
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.store.artefacts import ArtefactError
from tests.home import Home, shop_rows
from tests.pipeline.candidates.drafts import entered

FEATURES = ["amount", "visits", "channel", "member"]


@pytest.mark.parametrize("outside", [True, False])
def test_a_candidate_is_loaded_from_the_artefact_store_or_from_the_store(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outside: bool
) -> None:
    if outside:
        monkeypatch.setenv("SCORING_ARTEFACTS", str(tmp_path / "artefacts"))
    candidate = entered(home, home.name())
    kept = tmp_path / "artefacts" if outside else Path(home.store) / "_candidates"
    assert len([path for path in kept.rglob("*") if path.is_file()]) == 3
    model = registry.load(content.pinned(home.path, candidate))
    champion = registry.load(registry.resolve(home.path, "shop", "champion"))
    rows: pd.DataFrame = shop_rows(20)[FEATURES]
    assert model.score(rows).score.tolist() == champion.score(rows).score.tolist()
    assert model.manifest.label == candidate.label


def test_an_altered_file_is_refused_in_the_store_and_in_its_copy(home: Home) -> None:
    candidate = entered(home, home.name())
    pinned = content.pinned(home.path, candidate)
    copy = pinned.folder / "model.joblib"
    copy.write_bytes(copy.read_bytes() + b" ")
    with pytest.raises(ModelError, match="is not the registered model"):
        registry.load(content.pinned(home.path, candidate))
    stored = Path(content.store()) / candidate.artefact("model.joblib").path
    stored.chmod(0o644)
    stored.write_bytes(b"altered")
    with pytest.raises(
        ArtefactError, match=f"model.joblib of {candidate.label}: .* is not what was registered"
    ):
        content.read(candidate, "model.joblib")
