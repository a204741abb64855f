"""pipeline/model/content.py: git keeps a version's text, the artefact store its large files, and all are verified."""

import hashlib
import re
from pathlib import Path

import pytest

from pipeline.errors import ScoringError
from pipeline.model import content, registry, signature
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import PROFILE, REFERENCE, PinnedVersion
from pipeline.monitoring import references
from pipeline.registration import save
from pipeline.store import artefacts
from tests.home import Home, shop_model
from tests.pipeline.model.spoiling import edit, flip, load, pin, trap
from tests.pipeline.model.test_signature import key_pair

MODEL = "model.joblib"
TEXT = ["MODEL_CARD.md", "manifest.json", "profile.json"]


@pytest.fixture
def store(home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artefact store for what is larger than 2,500 bytes: the shop's model and its reference."""
    monkeypatch.setattr(artefacts, "LARGE", 2500)
    monkeypatch.setenv("SCORING_ARTEFACTS", str(home.path / "artefacts"))
    return home.path / "artefacts"


@pytest.fixture
def outside(home: Home, store: Path) -> PinnedVersion:
    """A version whose large files are outside."""
    return home.model("shop", *shop_model(), outcome="bought")


def copy_of(home: Home, pinned: PinnedVersion) -> Path:
    return home.path / ".local" / "artefacts" / pinned.sha256


def object_of(store: Path, pinned: PinnedVersion) -> Path:
    path = store / "sha256" / pinned.sha256[:2] / pinned.sha256
    path.chmod(0o600)
    return path


def test_git_keeps_the_text_and_the_store_the_rest(home: Home, store: Path, outside: PinnedVersion) -> None:
    assert sorted(path.name for path in outside.folder.iterdir()) == TEXT
    assert outside.manifest.outside.keys() == {MODEL, REFERENCE}
    assert sorted(path.name for path in store.rglob("*") if path.is_file()) == sorted(
        [outside.sha256, outside.manifest.reference_sha256]
    )
    model = load(home)
    assert model.manifest == outside.manifest
    assert hashlib.sha256(registry.reference(outside)).hexdigest() == outside.manifest.reference_sha256
    assert references.load(outside).bins.keys() >= {"amount", "visits", "channel", "member"}
    assert re.fullmatch(
        rf"model.joblib: 0.0 MB in {store}; git has its SHA-256.\nreference.parquet: .*\n",
        content.places(outside),
    )
    home.model("shop", *shop_model(), outcome="bought")  # the same bytes again
    assert len([path for path in store.rglob("*") if path.is_file()]) == 2


def test_without_a_store_git_keeps_all_and_registering_says_what_is_large(
    home: Home, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCORING_ARTEFACTS")
    pinned = home.model("shop", *shop_model())
    assert sorted(path.name for path in pinned.folder.iterdir()) == sorted([*TEXT, MODEL, REFERENCE])
    assert (
        "model.joblib: 0.0 MB for git. Set SCORING_ARTEFACTS to keep such files outside."
        in content.places(pinned)
    )
    assert load(home).manifest.outside == {}


def test_a_copy_serves_when_the_store_is_gone_and_a_damaged_one_is_fetched_again(
    home: Home, store: Path, outside: PinnedVersion
) -> None:
    path = content.locate(outside, MODEL)
    assert path == copy_of(home, outside)
    store.rename(home.path / "elsewhere")
    assert load(home)
    (home.path / "elsewhere").rename(store)
    path.chmod(0o600)
    trap(path)
    assert load(home)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == outside.sha256
    assert not (path.parent / "marker").exists()


@pytest.mark.parametrize("kind", ["altered", "a trap", "missing"])
def test_what_is_not_the_registered_file_is_refused_and_never_unpickled(
    home: Home, store: Path, outside: PinnedVersion, kind: str
) -> None:
    path = object_of(store, outside)
    match kind:
        case "altered":
            flip(path)
        case "a trap":
            trap(path)
        case "missing":
            path.unlink()
    reason = "is missing from" if kind == "missing" else "is not what was registered"
    with pytest.raises(
        ModelError, match=f"model.joblib of model shop version 1: sha256/.*{outside.sha256} (in .*)?{reason}"
    ):
        load(home)
    assert not (path.parent / "marker").exists()
    assert not copy_of(home, outside).exists()
    problems = list(content.lacking(outside))
    assert len(problems) == (kind != "altered")  # which has its size
    assert all("model.joblib of model shop version 1" in problem for problem in problems)


def test_a_variable_that_is_not_set_is_named(
    home: Home, outside: PinnedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(content.lacking(outside)) == []
    monkeypatch.delenv("SCORING_ARTEFACTS")
    expected = (
        "model.joblib of model shop version 1 is kept outside git, and SCORING_ARTEFACTS is not set. Set it"
    )
    with pytest.raises(ModelError, match=expected):
        load(home)
    assert next(content.lacking(outside)).startswith(expected)


def test_nothing_is_registered_that_the_store_does_not_take(
    home: Home, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_ARTEFACTS", "nonsense://bucket")
    with pytest.raises(ScoringError, match="Set SCORING_ARTEFACTS to a folder"):
        home.model("shop", *shop_model())
    assert not (home.path / "models" / "shop").exists()


def test_pins_that_differ_are_refused_before_anything_is_fetched(
    home: Home, store: Path, outside: PinnedVersion
) -> None:
    edit(home.path / "models" / "shop" / "versions.toml", outside.sha256, "0" * 64)
    with pytest.raises(ModelError, match=f"pinned is 0{{64}}, and the manifest has {outside.sha256}"):
        load(home)
    assert not (home.path / ".local").exists()


def test_a_file_that_was_laid_into_the_folder_is_used_and_compared(
    home: Home, store: Path, outside: PinnedVersion
) -> None:
    path = outside.folder / MODEL
    path.write_bytes(object_of(store, outside).read_bytes())
    assert (content.locate(outside, MODEL), list(content.lacking(outside))) == (path, [])
    flip(path)
    for use in (content.read, content.locate):
        with pytest.raises(ModelError, match="model.joblib is not the registered model"):
            use(outside, MODEL)


def test_a_file_of_git_that_is_gone_is_lacking(home: Home) -> None:
    pinned = home.model("shop", *shop_model())
    (pinned.folder / PROFILE).unlink()
    assert list(content.lacking(pinned)) == [f"{pinned.folder / PROFILE} is missing. Restore it from git."]


class TestSigned:
    """The signature is of every file, wherever it lies."""

    @pytest.fixture
    def signed(
        self, home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> PinnedVersion:
        secret, public = key_pair(tmp_path / "keys")
        monkeypatch.setenv(signature.SIGN_KEY, str(secret))
        monkeypatch.setenv(signature.VERIFY_KEY, str(public))
        return home.model("shop", *shop_model(), outcome="bought")

    def test_it_names_those_outside_and_signing_again_gives_the_same(
        self, home: Home, signed: PinnedVersion, tmp_path: Path
    ) -> None:
        assert load(home)
        path = signed.folder / signature.FILE
        digests = signature.verify(path.read_bytes(), path)
        assert digests.keys() == {*TEXT, MODEL, REFERENCE}
        assert digests[MODEL] == signed.sha256
        save.sign_version(home.path, "shop", 1, tmp_path / "keys" / "s.pem")
        assert signature.verify(path.read_bytes(), path) == digests

    def test_whoever_writes_to_git_and_to_the_store_and_has_no_key_gets_nothing_unpickled(
        self, home: Home, store: Path, signed: PinnedVersion
    ) -> None:
        trap(signed.folder / MODEL)
        hostile = (signed.folder / MODEL).read_bytes()
        pin(home, signed)
        (signed.folder / MODEL).unlink()
        digest = hashlib.sha256(hostile).hexdigest()
        path = store / "sha256" / digest[:2] / digest
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(hostile)
        with pytest.raises(ModelError, match="is not as it was signed"):
            load(home)

    def test_nothing_is_signed_that_is_not_there(
        self, home: Home, store: Path, signed: PinnedVersion, tmp_path: Path
    ) -> None:
        object_of(store, signed).unlink()
        with pytest.raises(ModelError, match="is missing from"):
            save.sign_version(home.path, "shop", 1, tmp_path / "keys" / "s.pem")
