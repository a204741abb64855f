"""pipeline/promotion/promote.py: a line moves on evidence, with its record, and goes back."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.monitoring.first_run import record
from pipeline.promotion.promote import AliasChange
from pipeline.promotion.promote import promote as promote_to
from tests.pipeline.promotion.versions import DATES, day
from tests.pipeline.serving.models.brittle import model
from tests.pipeline.shop import Shop


def promote(*arguments: object) -> tuple[str, BaseException | None]:
    done = CliRunner().invoke(app, ["promote", "shop", *map(str, arguments)])
    return done.output, done.exception


def versions(shop: Shop) -> Path:
    return shop.home.path / "models" / "shop" / "versions.toml"


def test_a_better_version_is_promoted_by_one_line_and_goes_back_by_one(published: Shop) -> None:
    home, before = published.home, versions(published).read_text()
    output, error = promote(2, "--by", "ada")
    assert error is None, output
    for sentence in (
        "shop: champion is version 1, and would be version 2, which loads and gives its golden rows their scores.",
        f"  shop version 2 beside what was published, on {DATES} dates: better. Its log_loss is 0.",
        "  In none of 5 groups is it worse by more than chance.",
        f"  Of {60 * DATES} entities ",
        "  Training kept no scores of version 2, so no run looks at their drift.",
        "models/shop/versions.toml\n-champion = 1\n+champion = 2\n",
        "The evidence is kept: models/shop/promotions/champion-2.json\nCommit models/shop, have it reviewed",
    ):
        assert sentence in output
    assert versions(published).read_text() == before.replace("champion = 1", "champion = 2")
    promotion = record.read(home.path, "champion", registry.resolve(home.path, "shop", "champion"))
    assert promotion is not None
    assert (promotion.by, promotion.login, promotion.former) == ("ada", "scoring_pipeline", 1)
    (evidence,) = promotion.jobs
    assert (evidence.paired.verdict, len(evidence.days)) == ("better", DATES)
    # The same evidence is the same bytes.
    content = record.path(home.path, "shop", "champion", 2).read_bytes()
    assert promote("--undo")[1] is None
    assert versions(published).read_text() == before
    promote(2, "--by", "ada")
    assert record.path(home.path, "shop", "champion", 2).read_bytes() == content
    # A first run on it, which does as the evidence said.
    home.score(published.job, day(DATES))
    assert "first_run" not in [finding["check"] for finding in home.last_run(published.job)["findings"]]
    assert "champion names version 2 already" in str(promote(2)[1])
    card = CliRunner().invoke(app, ["card", "shop", "2"]).output
    assert f"### {published.job}\n\nThe last 1 published dates that it scored" in card
    assert (
        f"- ada promoted it to champion after version 1.\n  - {published.job}: better on {DATES} dates"
        in card
    )


def test_without_evidence_that_it_is_better_it_takes_a_reason(published: Shop) -> None:
    before = versions(published).read_text()
    first = ("--from", day(0), "--to", day(2))
    output, error = promote(2, *first)
    assert "on 3 dates: undecided" in output
    assert str(error) == (
        f"shop version 2 is not promoted: by the outcomes of {published.job} it is undecided, and not better. To "
        'promote it all the same: --reason "WHY".'
    )
    assert versions(published).read_text() == before
    output, error = promote(2, *first, "--reason", "the source changes tonight", "--by", "ada")
    assert error is None, output
    assert f"The first run of {published.job} is not held for its scores: too few dates say how far" in output
    assert "champion = 2" in versions(published).read_text()
    # Another alias has no followers, so nobody knows anything.
    versions(published).write_text(before + "trial = 1\n")
    assert "no job follows trial, so there is no evidence" in str(promote(2, "--alias", "trial")[1])
    assert promote(2, "--alias", "trial", "--reason", "a trial", "--by", " ")[1] is not None
    assert promote(2, "--alias", "trial", "--reason", "a trial")[1] is None
    assert "trial = 2" in versions(published).read_text()


def test_what_cannot_be_promoted_is_refused_before_anything_is_compared(published: Shop) -> None:
    home = published.home
    assert "no version 9" in str(promote(9)[1])
    assert "has no alias 'nobody'" in str(promote(2, "--alias", "nobody")[1])
    assert "is not there" in str(promote("--undo")[1])
    for wrong in (("--undo", 2), (), (2, "--from", day(0)), (2, "--from", day(0), "--to", day(400))):
        assert promote(*wrong)[1] is not None
    (home.path / "models" / "shop" / "2" / "model.joblib").write_bytes(b"altered")
    assert isinstance(promote(2, "--reason", "in haste")[1], ModelError)


def test_an_alias_that_moved_meanwhile_is_left_and_so_is_the_record_of_who_moved_it(published: Shop) -> None:
    home = published.home.path
    pinned, other = (registry.resolve(home, "shop", "", version) for version in (1, 2))
    former = replace(pinned, manifest=pinned.manifest.model_copy(update={"version": 7}))
    wanted = AliasChange("shop", "champion", former, model(None), other)
    kept = record.path(home, "shop", "champion", 2)
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(b"of who was first")
    with pytest.raises(ModelError, match="champion names 1, and 7 when this began"):
        promote_to(home, wanted, (), by="eve", login="", reason="second")
    assert kept.read_bytes() == b"of who was first"
