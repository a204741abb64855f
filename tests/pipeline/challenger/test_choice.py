"""pipeline/challenger/choice.py: the challenger is the version of an alias, else a candidate, and no other model."""

import pytest

from pipeline.candidates import ledger
from pipeline.challenger import choice
from pipeline.challenger.choice import ReplayError
from pipeline.errors import NothingToDo
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.tasks import preflight
from tests.home import NIGHT, shop_model
from tests.pipeline.candidates.drafts import entered
from tests.pipeline.shop import Shop


def checked(shop: Shop) -> tuple[bool, str]:
    """What `scoring check` says of the challenger."""
    findings = preflight.check(shop.home.read(shop.job), shop.home.workspace, NIGHT)
    [finding] = [finding for finding in findings if finding.what == "challenger"]
    return finding.passed, finding.detail


def test_it_is_the_version_of_the_alias_and_check_says_which(shop: Shop) -> None:
    home, path = shop.home, shop.home.path / "dags" / f"{shop.job}.toml"
    with pytest.raises(NothingToDo, match=r"has no section \[challenger\]"):
        choice.choose(home.workspace, home.read(shop.job))
    path.write_text(f"{path.read_text()}\n[challenger]\n")
    job = home.read(shop.job)
    with pytest.raises(
        ModelError, match="has no alias 'challenger'.*Add a line `challenger = <version>` below"
    ):
        choice.choose(home.workspace, job)
    passed, detail = checked(shop)
    assert not passed
    assert "Add a line `challenger = <version>` below [aliases]" in detail
    model, reference = shop_model(3)
    registered = home.model("shop", model, reference, alias="challenger")
    chosen = choice.choose(home.workspace, job)
    assert (chosen.manifest.version, chosen.sha256) == (2, registered.sha256)
    assert choice.loadable(home.path, "shop", 2, chosen.sha256) == registered
    assert choice.recorded(home.workspace, job, "shop", 2, chosen.sha256) == chosen.manifest
    passed, detail = checked(shop)
    assert passed
    assert detail.startswith(
        "shop version 2 scores the same rows beside version 1, unpublished; without a section"
    )
    text = path.read_text()
    path.write_text(f'{text}\n[outcomes]\nquery = "o.sql"\ndelay_days = 30\n')
    assert checked(shop)[1].endswith("Set retention.parts_days to more than outcomes.delay_days.")
    path.write_text(text)

    champion = registry.resolve(home.path, "shop", "champion").manifest
    choice.require_another(job, champion, chosen.manifest)
    with pytest.raises(NothingToDo, match="shop version 1 is what is published"):
        choice.require_another(job, champion, champion)
    fewer = champion.model_copy(update={"columns": champion.columns[:2]})
    with pytest.raises(
        ReplayError, match="shop version 2 takes channel, member, which shop version 1 does not"
    ):
        choice.require_another(job, fewer, chosen.manifest)
    other = chosen.manifest.model_copy(update={"classes": ("no", "yes")})
    with pytest.raises(ReplayError, match="cannot be compared. Register it as a model of its own"):
        choice.require_another(job, champion, other)


OUTCOMES = '\n[outcomes]\nquery = "o.sql"\ndelay_days = 3\n'
TRAINING = f'{OUTCOMES}\n[training]\nfunction = "models/shop/training.py:train"\nwindow_days = 30\n'


def test_without_the_alias_it_is_the_newest_candidate_until_that_is_adopted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, path = shop.home, shop.home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f"{path.read_text()}\n[challenger]\n")
    candidate = entered(home, shop.job, alias="tried")
    home.model("shop", *shop_model(3), outcome="bought")
    job = home.read(shop.job)
    chosen = choice.choose(home.workspace, job)
    assert (chosen.manifest, chosen.candidate) == (candidate.numbered, candidate)
    pin = "shop", -candidate.number, chosen.sha256
    assert choice.recorded(home.workspace, job, *pin) == chosen.manifest
    with pytest.raises(ModelError, match=f"shop candidate {candidate.number} of .* has other bytes"):
        choice.recorded(home.workspace, job, *pin[:2], "0" * 64)
    passed, detail = checked(shop)
    assert passed
    assert detail.startswith(f"{candidate.label} scores the same rows beside version 3, unpublished")
    champion = registry.resolve(home.path, "shop", "champion").manifest
    fewer = champion.model_copy(update={"columns": champion.columns[:2]})
    adopt = f"scoring adopt {shop.job} {candidate.number}, then scoring score .* --model-version VERSION"
    with pytest.raises(ReplayError, match=adopt):
        choice.require_another(job, fewer, chosen.manifest)
    with monkeypatch.context() as signed:
        signed.setenv("SCORING_VERIFY_KEY", "untrusted")
        with pytest.raises(ModelError, match=f"is not signed.*scoring adopt {shop.job} {candidate.number}"):
            choice.loadable(home.path, *pin, candidate)

    versions = home.path / "models" / "shop" / "versions.toml"
    text = versions.read_text()
    versions.write_text(text.replace("\n[aliases]\n", "\n[aliases]\nchallenger = 2\n"))
    assert choice.choose(home.workspace, job).manifest.label == "shop version 2"
    versions.write_text(text)

    ledger.note_adoption(home.workspace.predictions, candidate, 2)
    with pytest.raises(ModelError, match="has no alias 'challenger'"):
        choice.choose(home.workspace, job)
    path.write_text(f"{path.read_text()}{TRAINING}")
    passed, detail = checked(shop)
    assert passed, detail
    assert f"Have one trained: scoring train {shop.job}; or add a line `challenger = <version>`" in detail
