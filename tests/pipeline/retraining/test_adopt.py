"""pipeline/retraining/adopt.py: a candidate becomes a version by its digests, or not at all."""

import json
from pathlib import Path

import pytest

from pipeline.candidates import content, ledger
from pipeline.candidates.ledger import CandidateError
from pipeline.errors import ScoringError
from pipeline.model import registry
from pipeline.model.manifest import PROFILE, REFERENCE
from pipeline.retraining.adopt import adopt
from pipeline.retraining.team_code import RetrainingError
from pipeline.store.artefacts import ArtefactError
from tests.home import Home
from tests.pipeline.candidates.drafts import drafted, entered
from tests.pipeline.worker.compiled.fitted import fitted, needs_compiler, rows


def versions(home: Home) -> list[str]:
    return sorted(path.name for path in (home.path / "models" / "shop").iterdir())


def test_an_altered_or_missing_file_writes_nothing(home: Home) -> None:
    candidate = entered(home, job := home.name())
    before, stored = versions(home), Path(content.store()) / candidate.artefact("reference.parquet").path
    stored.chmod(0o644)
    stored.write_bytes(b"altered")
    with pytest.raises(ArtefactError, match="is not what was registered"):
        adopt(home.path, home.workspace.predictions, job, candidate.number)
    stored.unlink()
    with pytest.raises(ArtefactError, match="is missing from"):
        adopt(home.path, home.workspace.predictions, job, candidate.number)
    assert versions(home) == before
    assert ledger.find(home.workspace.predictions, job, candidate.number).status == "candidate"


def test_a_manifest_that_pins_other_files_is_refused(home: Home) -> None:
    draft, uri = drafted(home, job := home.name()), home.workspace.predictions
    manifest = json.dumps({**json.loads(draft.manifest), "sha256": "0" * 64})
    number = ledger.enter(uri, draft.model_copy(update={"manifest": manifest}), "a test")
    with pytest.raises(
        RetrainingError, match="its manifest and the files .* differ: model.joblib. Nothing was written"
    ):
        adopt(home.path, uri, job, number)


@pytest.mark.parametrize("name", ["code/../../../../dags/evil.py", "/tmp/evil.py", "code//evil.py"])
def test_a_row_that_names_a_file_elsewhere_writes_none(home: Home, name: str) -> None:
    draft, uri = drafted(home, job := home.name()), home.workspace.predictions
    [stored] = content.put("shop", {"evil.py": b"print()"}).values()
    manifest = json.loads(draft.manifest)
    manifest["code"] = {name.removeprefix("code/"): stored.sha256}
    changed = {"manifest": json.dumps(manifest), "files": {**draft.files, name: stored}}
    number = ledger.enter(uri, draft.model_copy(update=changed), "a test")
    candidate, before = ledger.find(uri, job, number), versions(home)
    with pytest.raises(CandidateError, match="which lies outside of its own folder. Nothing was written"):
        adopt(home.path, uri, job, number)
    with pytest.raises(CandidateError, match=f"candidate {number} of {job} names"):
        content.pinned(home.path, candidate)
    assert versions(home) == before
    assert not list(home.path.rglob("evil.py"))


def test_a_row_whose_model_is_another_one_is_refused(home: Home) -> None:
    draft, uri = drafted(home, job := home.name()), home.workspace.predictions
    for model, name in (("../shop", "../shop"), ("shop", "../../other")):
        manifest = json.dumps({**json.loads(draft.manifest), "name": name})
        changed = {"model": model, "manifest": manifest}
        number = ledger.enter(uri, draft.model_copy(update=changed), f"a test of {model}")
        with pytest.raises(ScoringError, match="Nothing was written"):
            adopt(home.path, uri, job, number)


def test_a_repository_that_lacks_the_version_gets_it_again(home: Home) -> None:
    candidate, uri = entered(home, job := home.name()), home.workspace.predictions
    ledger.note_adoption(uri, candidate, 9)
    pinned = adopt(home.path, uri, job, candidate.number)
    assert pinned.manifest.version == 2
    assert registry.versions(home.path, "shop")[1] == {"champion": 1}
    assert (pinned.folder / "MODEL_CARD.md").read_text() == "# A card\n"
    registry.load(registry.resolve(home.path, "shop", "", 2))


@needs_compiler
@pytest.mark.usefixtures("any_pace")
def test_a_version_that_is_adopted_has_a_compiled_predictor(home: Home) -> None:
    uri, job = home.workspace.predictions, home.name()
    model = home.model("flights", fitted("binary"), rows())
    manifest = model.manifest.model_copy(update={"version": 0, "predictors": {}})
    names = (manifest.artefact, REFERENCE, PROFILE)
    files = content.put("flights", {name: (model.folder / name).read_bytes() for name in names})
    draft = drafted(home, job).model_copy(
        update={"model": "flights", "manifest": manifest.model_dump_json(), "files": files}
    )
    pinned = adopt(home.path, uri, job, ledger.enter(uri, draft, "a test"))
    assert pinned.manifest.predictors == model.manifest.predictors
    assert registry.load(registry.resolve(home.path, "flights", "", 2)).compiled


def test_a_candidate_of_another_kind_is_adopted_as_it_is(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    candidate = entered(home, job := home.name())
    pinned = adopt(home.path, home.workspace.predictions, job, candidate.number)
    assert (pinned.manifest.predictors, pinned.manifest.uncompiled) == ({}, {})
    assert "predictor" not in caplog.text
