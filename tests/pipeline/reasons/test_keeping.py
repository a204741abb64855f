"""What a try has found of a run's reasons is kept where it is worth more than what stands there."""

import pytest

from pipeline.config.aside.reasons_section import ReasonsSection
from pipeline.reasons import anew, explaining, keeping, tries
from pipeline.runs import folders
from pipeline.store.layout import RunRef
from tests.home import Home
from tests.pipeline.reasons.explained import EXPLANATION, explained, explained_entities
from tests.pipeline.shop import open_shop

REWRITTEN = "UPDATE scoring.run_parts SET input_sha256 = repeat('0', 64) WHERE run_id = :run"


def test_a_try_that_is_killed_leaves_what_the_one_before_has_kept(home: Home) -> None:
    shop, run = explained(home)
    [before] = home.sql(EXPLANATION, run=run)
    job = home.read(shop.job).model_copy(update={"reasons": ReasonsSection(top=1)})
    work = tries.begin(home.workspace, job, run)
    assert anew.of_entity(home.workspace, run, "customer-00050").equal is True  # while it is at work
    work = tries.begin(home.workspace, job, run)  # after one of which nobody heard any more
    assert tries.end(home.workspace, work, [None] * len(work)) == tries.KILLED
    [after] = home.sql(EXPLANATION, run=run)
    assert after["status"] == "incomplete"
    assert after["reason"] == f"{tries.KILLED} The reasons are those of the try before."
    figures = ("settings", "background_sha256", "wanted", "explained", "largest_gap")
    assert [after[name] for name in figures] == [before[name] for name in figures]
    assert explained_entities(home, run) == 100
    assert anew.of_entity(home.workspace, run, "customer-00050").equal is True


def test_a_try_that_ends_early_keeps_what_it_has_where_that_is_more(home: Home) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    first, second = (
        home.read(shop.job).model_copy(update={"reasons": ReasonsSection(top=top, orders=8)})
        for top in (1, 2)
    )
    for job, parts, kept in ((first, 1, 40), (second, 1, 40), (second, 2, 80), (first, 1, 80)):
        work = tries.begin(home.workspace, job, run)
        outcomes = [explaining.attempt(home.workspace, part) for part in work[:parts]]
        assert tries.end(home.workspace, work, [*outcomes, *[None] * (3 - parts)]) == tries.KILLED
        assert explained_entities(home, run) == kept
    [done] = home.sql(EXPLANATION, run=run)
    assert (done["status"], done["settings"]["top"], done["explained"]) == ("incomplete", 2, 80)
    assert anew.of_entity(home.workspace, run, "customer-00050").equal is True


def test_reasons_of_rows_that_were_rewritten_meanwhile_are_thrown_away(home: Home) -> None:
    shop, run = explained(home)
    job = home.read(shop.job).model_copy(update={"reasons": ReasonsSection(top=1)})
    work = tries.begin(home.workspace, job, run)
    outcomes = [explaining.attempt(home.workspace, part) for part in work]
    home.sql(REWRITTEN, run=run)
    assert "an erasure has rewritten them meanwhile" in tries.end(home.workspace, work, outcomes)


@pytest.mark.parametrize("damage", ["reasons", "contributions"])
def test_a_part_whose_file_is_lost_takes_nothing_of_the_others(home: Home, damage: str) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    job = home.read(shop.job).model_copy(update={"reasons": ReasonsSection(top=1)})
    work = tries.begin(home.workspace, job, run)
    outcomes = [explaining.attempt(home.workspace, part) for part in work]
    folders.discard(home.workspace.store, getattr(RunRef.of(work[1]), damage)(1))
    assert "MissingPart" in tries.end(home.workspace, work, outcomes)
    [done] = home.sql(EXPLANATION, run=run)
    assert (done["status"], done["wanted"], done["explained"]) == ("incomplete", 100, 60)
    rows = home.sql("SELECT DISTINCT part FROM scoring.reasons WHERE run_id = :run", run=run)
    assert {row["part"] for row in rows} == {0, 2}
    columns = home.sql("SELECT DISTINCT entities FROM scoring.contributions WHERE run_id = :run", run=run)
    assert columns == [{"entities": 60}]


def test_a_try_that_another_one_with_other_settings_overtook_keeps_nothing(home: Home) -> None:
    shop, run = explained(home)
    first, second = (
        home.read(shop.job).model_copy(update={"reasons": ReasonsSection(top=top, orders=8)})
        for top in (1, 2)
    )
    overtaken, work = tries.begin(home.workspace, first, run), tries.begin(home.workspace, second, run)
    outcomes = [explaining.attempt(home.workspace, part) for part in overtaken]
    theirs = [explaining.attempt(home.workspace, part) for part in work]
    assert tries.end(home.workspace, overtaken, outcomes) == keeping.OVERTAKEN
    assert tries.end(home.workspace, work, theirs) == ""
    assert len(anew.of_entity(home.workspace, run, "customer-00050").kept) == 2
