"""pipeline/evaluation/ground_truth.py: outcomes that come late, twice, contradict each other or lack a column."""

import pandas as pd
import pytest

from pipeline.model.outcome_values import OutcomesQueryError
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.evaluation.shop import BY, bought, kept, look, name_outcomes
from tests.pipeline.shop import Shop, open_shop


def test_results_of_entities_that_were_not_scored_are_counted(shop: Shop) -> None:
    rows = bought(shop_rows(130))
    name_outcomes(shop, rows)
    look(shop)
    assert (kept(shop)["outcomes"], kept(shop)["outcomes_unscored"]) == (100, 30)


def test_before_any_result_there_is_but_the_count_of_none(shop: Shop) -> None:
    name_outcomes(
        shop, bought(shop_rows())[:0], business="SELECT count(bought) AS known FROM results", slices=BY
    )
    done = look(shop)
    assert (done.metrics["coverage"], done.metrics["business:known"]) == (0, 0)
    assert "roc_auc" not in kept(shop)
    assert kept(shop, "channel", "web")["small"] == 1


def test_contradicting_results_are_refused_and_named(shop: Shop) -> None:
    rows = bought(shop_rows())
    name_outcomes(shop, rows)
    look(shop)
    before = kept(shop)
    twice = rows[3:5].assign(bought=~rows["bought"][3:5])
    name_outcomes(shop, pd.concat([rows, twice]))
    with pytest.raises(
        OutcomesQueryError,
        match=r"2 entities have outcomes in column 'bought' that .*: customer-00003, customer-00004\.",
    ):
        look(shop)
    assert kept(shop) == before


def test_a_result_that_is_said_twice_or_later_counts_once(shop: Shop) -> None:
    rows = bought(shop_rows()).astype({"bought": "boolean"})
    name_outcomes(shop, rows)
    look(shop)
    expected = kept(shop)
    unknown = rows[:20].assign(bought=pd.array([None] * 20, "boolean"))
    name_outcomes(
        shop,
        pd.concat([unknown, rows, rows[50:]]),
        business="SELECT count(*) AS known FROM results WHERE bought IS NOT NULL",
    )
    look(shop)
    assert {name: value for name, value in kept(shop).items() if name != "business:known"} == expected
    assert kept(shop)["business:known"] == 100


@pytest.mark.parametrize(
    ("rename", "complaint"),
    [
        (
            {"bought": "purchased"},
            r"column 'bought', the outcome, is missing. The query has entity_id, purchased",
        ),
        ({"entity_id": "customer"}, r"column 'entity_id', the entity that was scored, is missing"),
    ],
)
def test_a_column_that_is_missing_is_named(shop: Shop, rename: dict[str, str], complaint: str) -> None:
    name_outcomes(shop, bought(shop_rows()).rename(columns=rename))
    with pytest.raises(OutcomesQueryError, match=complaint):
        look(shop)


def test_the_job_may_say_which_column_it_is(shop: Shop) -> None:
    rows = bought(shop_rows()).rename(columns={"bought": "purchased"})
    name_outcomes(shop, rows, keys='column = "purchased"')
    look(shop)
    assert kept(shop)["base_rate"] == rows["purchased"].mean()


def test_somebody_has_to_say_which_column_it_is(home: Home) -> None:
    home.model("shop", *shop_model())
    shop = open_shop(home)
    home.score(shop.job)
    name_outcomes(shop, bought(shop_rows()))
    with pytest.raises(
        OutcomesQueryError, match=r"registered without --outcome. Name it in job_\d+.toml, as outcomes.column"
    ):
        look(shop)
    name_outcomes(shop, bought(shop_rows()), keys='column = "bought"')
    assert "no baselines: the model was registered without --outcome" in look(shop).notes
