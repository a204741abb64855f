"""pipeline/challenger/choice.py: the challenger is the version of an alias, and no other model in disguise."""

import pytest

from pipeline.challenger import choice
from pipeline.challenger.choice import ReplayError
from pipeline.errors import NothingToDo
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.tasks import preflight
from tests.home import NIGHT, shop_model
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
    assert choice.pinned(home.path, "shop", 2, chosen.sha256) == chosen
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
