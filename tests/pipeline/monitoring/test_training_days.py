"""A model that is too old on its night, or was trained on it, is found, by the score date and by no clock."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.reports.report import report
from pipeline.runs.publications import Held
from tests.home import NIGHT, Home, shop_model
from tests.pipeline.shop import Shop, open_shop


def trained(home: Home, until: date) -> Shop:
    """A job whose model was trained on nights until a day, and may be 90 days old."""
    home.model("shop", *shop_model(), training_window=(until - timedelta(days=180), until))
    return open_shop(home, gate="min_rows = 1\nmax_model_age_days = 90")


def found(shop: Shop, run_id: int) -> list[dict[str, str]]:
    """What an analyst sees of a run's findings about age."""
    query = "SELECT action, message FROM scoring.findings WHERE run_id = :run AND check_name = 'model_age'"
    return shop.home.sql(query, "analyst", run=run_id)


def test_a_model_that_is_older_than_it_may_be_is_told_and_published_all_the_same(home: Home) -> None:
    shop = trained(home, NIGHT - timedelta(days=91))
    done = home.score(shop.job)
    message = (
        "model shop version 1 was trained on days until 2023-12-01, 91 days before the score date, "
        "and gate.max_model_age_days is 90"
    )
    assert found(shop, done.run_id) == [{"action": "warn", "message": message}]
    assert message in report(home.server.connections["analyst"], home.path, done.run_id)


def test_a_model_that_is_just_young_enough_is_not(home: Home) -> None:
    shop = trained(home, NIGHT - timedelta(days=90))
    assert found(shop, home.score(shop.job).run_id) == []


def test_the_job_may_have_it_held(home: Home) -> None:
    shop = trained(home, NIGHT - timedelta(days=91))
    shop.configure("max_model_age_days = 90", 'max_model_age_days = 90\nmodel_age = "hold"')
    with pytest.raises(Held, match="91 days before the score date"):
        home.score(shop.job)


def test_where_nobody_knows_the_training_nights_the_day_of_registering_counts(home: Home) -> None:
    shop = open_shop(home, gate="min_rows = 1\nmax_model_age_days = 90")
    today = datetime.now(UTC).date()
    done = home.score(shop.job, today + timedelta(days=100))
    [told] = found(shop, done.run_id)
    assert "model shop version 1 was registered on" in told["message"]
    assert found(shop, home.score(shop.job, today).run_id) == []


def test_a_job_that_says_nothing_of_age_has_models_of_any(home: Home) -> None:
    shop = trained(home, date(1999, 1, 1))
    shop.configure("max_model_age_days = 90", "")
    assert found(shop, home.score(shop.job).run_id) == []


def seen(home: Home, gate: str = "min_rows = 1") -> Shop:
    """A job whose model was trained until the score date, that day among them."""
    home.model("shop", *shop_model(), training_window=(NIGHT - timedelta(days=60), NIGHT))
    return open_shop(home, gate=gate)


def in_sample(shop: Shop, run_id: int) -> list[str]:
    """The actions of the findings that a run's score date was trained on."""
    query = "SELECT action FROM scoring.findings WHERE run_id = :run AND check_name = 'in_sample'"
    return [row["action"] for row in shop.home.sql(query, "analyst", run=run_id)]


def test_a_date_that_the_model_was_trained_on_is_found_and_the_day_after_it_is_not(home: Home) -> None:
    shop = seen(home)
    assert in_sample(shop, home.score(shop.job).run_id) == ["warn"]
    assert in_sample(shop, home.score(shop.job, NIGHT - timedelta(days=60)).run_id) == ["warn"]
    assert in_sample(shop, home.score(shop.job, NIGHT - timedelta(days=61)).run_id) == []
    assert in_sample(shop, home.score(shop.job, NIGHT + timedelta(days=1)).run_id) == []


def test_the_job_may_have_such_a_date_held(home: Home) -> None:
    shop = seen(home, gate='min_rows = 1\nin_sample = "hold"')
    with pytest.raises(Held, match="2024-03-01 among them: its outcomes will not say how good the model is"):
        home.score(shop.job)


def test_where_nobody_knows_the_training_days_no_date_is_called_seen(home: Home) -> None:
    shop = open_shop(home)
    assert in_sample(shop, home.score(shop.job).run_id) == []
