"""pipeline/serving/parity/replay.py: a published run asked again of a real API, and what differs is named."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import NothingToDo
from pipeline.project import ROOT
from pipeline.serving.parity.asking import ParityError
from pipeline.serving.parity.replay import Parity, replay
from tests.home import NIGHT
from tests.pipeline.serving.api import Api, token
from tests.pipeline.shop import Shop

SAMPLE_DAY = date(2013, 7, 1)
CERTIFICATES = "SELECT * FROM scoring.parity_certificates ORDER BY certificate_id DESC LIMIT 1"


@pytest.fixture(scope="module")
def published(published: Shop, sample_warehouse: str) -> Shop:
    """The shop's job, and beside it the sample's, a date of which is published as well.

    It goes by a name of its own: in this process's database, another module may have published that date.
    """
    for folder in ("sql/flight_delay", "models/flight_delay"):
        shutil.copytree(ROOT / folder, published.home.path / folder)
    shutil.copy(
        ROOT / "dags" / "flight_delay.toml", published.home.path / "dags" / f"{sample(published)}.toml"
    )
    published.home.score(sample(published), SAMPLE_DAY)
    return published


@pytest.fixture(scope="module")
def spoilt(published: Shop) -> Shop:
    """The job with rows that are rejected for many reasons, twice an entity among them; published anew."""
    shop = published
    shop.configure(
        r"rows_per_part = 40", 'rows_per_part = 40\n[contract]\nunique = "reject"\nmodel_error = "reject"'
    )
    shop.configure("min_rows = 1", "min_rows = 1\nmax_rejected_fraction = 0.5")
    shop.change("amount = 'Infinity'", "entity_id = 'customer-00007'")
    shop.change("amount = 'NaN', visits = NULL", "entity_id = 'customer-00055'")
    shop.change("channel = E'caf\\u00e9 \"x\" \\\\'", "entity_id = 'customer-00042'")
    shop.home.sql(
        f"INSERT INTO {shop.table} SELECT * FROM {shop.table} WHERE entity_id = 'customer-00011'",
        "warehouse_owner",
    )
    shop.home.sql(
        f"UPDATE {shop.table} SET entity_id = NULL WHERE entity_id = 'customer-00012'", "warehouse_owner"
    )
    shop.home.score(shop.job)
    return shop


def sample(shop: Shop) -> str:
    """Name of the sample's job in the shop's home."""
    return f"{shop.job}_flights"


def asked(api: Api, shop: Shop) -> Parity:
    return replay(shop.home.workspace, shop.home.read(shop.job), NIGHT, api.url, token(shop.home))


def test_a_run_is_answered_as_it_was_published(spoilt: Shop, api: Api) -> None:
    done = asked(api, spoilt)
    assert (done.rows_scored, done.rows_rejected, done.differences) == (95, 6, [])
    [certificate] = spoilt.home.sql(CERTIFICATES, "analyst")
    assert certificate["certificate_id"] == done.certificate
    assert certificate["published_sha256"] == certificate["served_sha256"]
    assert (certificate["run_id"], certificate["differences"]) == (done.run_id, 0)


def test_a_date_of_the_sample_is_answered_as_it_was_published(published: Shop, api: Api) -> None:
    home = published.home
    done = replay(home.workspace, home.read(sample(published)), SAMPLE_DAY, api.url, token(home))
    assert (done.rows_scored, done.rows_rejected, done.differing) == (966, 0, 0)
    assert done.model == "flight_delay version 2"


def test_what_differs_is_named_and_certified(spoilt: Shop, api: Api) -> None:
    run = spoilt.runs()[-1]["run_id"]
    spoilt.home.sql(
        "UPDATE scoring.prediction_rows SET score = 0.125, label = 'other' WHERE run_id = :run AND entity_id = :entity",
        "postgres", run=run, entity="customer-00001",
    )  # fmt: skip
    spoilt.change("channel = 'web'", "entity_id = 'customer-00003'")
    done = asked(api, spoilt)
    assert done.differing == 3
    assert [(each.entity_id, each.column, each.then) for each in done.differences] == [
        ("customer-00001", "score", 0.125),
        ("customer-00001", "label", "other"),
        ("customer-00003", "channel null", "rejected"),
    ]
    [certificate] = spoilt.home.sql(CERTIFICATES, "analyst")
    assert certificate["differences"] == 3
    assert certificate["published_sha256"] != certificate["served_sha256"]


def test_what_cannot_be_replayed_is_refused(spoilt: Shop, api: Api, tmp_path: Path) -> None:
    workspace, job = spoilt.home.workspace, spoilt.home.read(spoilt.job)
    bearer = token(spoilt.home)
    with pytest.raises(NothingToDo, match="no run is published"):
        replay(workspace, job, NIGHT.replace(day=2), api.url, bearer)
    with pytest.raises(ParityError, match="does not answer"):
        replay(workspace, job, NIGHT, "http://127.0.0.1:9", bearer)
    with pytest.raises(ParityError, match="No token that counts"):
        replay(workspace, job, NIGHT, api.url, "wrong")
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / f"{spoilt.job}.sql").write_text("SELECT 1")
    with pytest.raises(ParityError, match="is not the query that run"):
        replay(replace(workspace, home=tmp_path), job, NIGHT, api.url, bearer)
