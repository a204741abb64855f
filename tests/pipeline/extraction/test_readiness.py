"""pipeline/extraction/readiness.py: no part of a day is published, and whoever asks is answered yes, no or why not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import psycopg
import pytest

from pipeline.config.job import Job
from pipeline.config.ready_section import ReadySection
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Query, WarehouseError
from pipeline.extraction import readiness
from pipeline.extraction.readiness import NotReady, ReadinessError
from pipeline.payloads import Readiness, RunRequest
from pipeline.runs.code_version import DeploymentError, sha256_of
from pipeline.runs.publications import Held
from pipeline.tasks.fallback import serve
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.extraction.loading import QUERY, Loading, open_loading
from tests.pipeline.shop import Shop
from tests.scenarios.test_sources import Source, source

__all__ = ["source"]

TRIALS, ROWS = 200, 20


@pytest.fixture
def loading(home: Home) -> Loading:
    """A job that scores nothing before its source is ready."""
    return open_loading(home)


def answer(source: Source, query: str) -> bool:
    """What a query says in a database."""
    return readiness._answer(source.address, Query(query, {"score_date": NIGHT}, QUERY), NIGHT)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT complete FROM ready_loads WHERE day = 1", True),
        ("SELECT complete FROM ready_loads WHERE day = 2", False),
        ("SELECT complete FROM ready_loads WHERE day = 9", False),  # no row: not yet
        ("SELECT count(*) = 3 AS there FROM ready_loads", True),
        ("SELECT count(*) > 3 AS there FROM ready_loads", False),
    ],
)
def test_every_kind_of_warehouse_answers(source: Source, query: str, said: bool) -> None:
    with loads(source):
        assert answer(source, query) is said


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (
            "SELECT complete FROM ready_loads WHERE day = 3",
            r"ready\.sql: NULL, .* Write coalesce\(\.\.\., false\)",
        ),
        (
            "SELECT complete FROM ready_loads",
            r"ready\.sql: more than one row on 2024-03-01\. Aggregate to one",
        ),
        (
            "SELECT day, complete FROM ready_loads",
            r"ready\.sql: 2 columns: day, complete\. Select one: a boolean",
        ),
        ("SELECT 5 AS there", r"ready\.sql: column 'there' is .*5.*, which is no boolean\. Compare it"),
        ("SELECT 'true' AS there", r"ready\.sql: column 'there' is 'true', which is no boolean"),
        ("SELECT 0.5 AS there", r"ready\.sql: column 'there' is .*0\.5.*, which is no boolean"),
    ],
)
def test_what_says_neither_yes_nor_no_is_refused_with_its_remedy(
    source: Source, query: str, complaint: str
) -> None:
    with loads(source), pytest.raises(ReadinessError, match=complaint):
        answer(source, query)


@pytest.mark.parametrize("query", ["SELECT 1 AS there", "SELECT 0 AS there"])
def test_a_number_is_no_answer_where_there_are_booleans(home: Home, loading: Loading, query: str) -> None:
    loading.ask(query)
    with pytest.raises(ReadinessError, match="which is no boolean"):
        home.score(loading.shop.job)


@contextmanager
def loads(source: Source) -> Iterator[None]:
    """A loader's table in a database, while it is asked."""
    source.run("CREATE TABLE ready_loads (day integer, complete boolean)")
    source.run("INSERT INTO ready_loads VALUES (1, true), (2, false), (3, NULL)")
    try:
        yield
    finally:
        source.run("DROP TABLE ready_loads")


def test_a_day_that_is_not_complete_is_not_scored_and_nothing_is_noted(loading: Loading) -> None:
    shop = loading.shop
    with pytest.raises(
        NotReady, match=r"not ready, as ready\.sql says, so the day is not scored.*score the day"
    ):
        shop.home.score(shop.job)
    assert (shop.runs(), shop.predictions().empty) == ([], True)
    loading.done()
    done = shop.home.score(shop.job)
    assert done.rows_scored == 100
    text = (shop.home.path / "sql" / QUERY).read_text()
    assert shop.home.last_run(shop.job)["ready_sha256"] == sha256_of(text)
    assert kept(shop, done.run_id) == {"ready": 1, "ready_seconds": 0}
    assert findings(shop, done.run_id) == []


def test_a_job_may_have_such_a_day_scored_with_a_warning(home: Home) -> None:
    shop = open_loading(home, "score").shop
    done = home.score(shop.job)
    message = "the rows of 2024-03-01 may not be complete: ready.sql said that the source was not ready"
    assert findings(shop, done.run_id) == [("warn", message)]
    assert kept(shop, done.run_id) == {"ready": 0, "ready_seconds": 0}


def test_or_held_for_a_person_who_reads_how_long_was_waited(home: Home) -> None:
    loading = open_loading(home, "hold")
    shop, seen = loading.shop, readiness.look(home.workspace, *section(loading), NIGHT)
    late = seen.model_copy(update={"seconds": 4 * 3600 + 61.0})
    with pytest.raises(Held, match="the source was not ready after 4 h 1 min"):
        home.score(shop.job, readiness=late)
    assert [action for action, _ in findings(shop, int(home.last_run(shop.job)["run_id"]))] == ["hold"]
    assert shop.predictions().empty


def test_a_fallback_scores_no_rows_that_the_run_was_not_to_score(home: Home) -> None:
    loading = open_loading(home)
    shop = loading.shop
    shop.configure("retries = 0", 'retries = 0\nfallback = "champion_previous"')
    versions = home.path / "models" / "shop" / "versions.toml"
    versions.write_text(versions.read_text() + "\nchampion_previous = 1\n")
    with pytest.raises(NotReady):
        serve(home.workspace, home.read(shop.job), NIGHT, trigger="one", reason="it failed")
    assert shop.predictions().empty


def test_a_run_goes_on_with_the_query_that_let_it_begin_and_no_other(loading: Loading) -> None:
    shop = loading.shop
    loading.done()
    seen = readiness.look(shop.home.workspace, *section(loading), NIGHT)
    run = shop.extract(readiness=seen)
    loading.ask("SELECT true AS always")
    with pytest.raises(DeploymentError, match=r"began with another ready\.sql \(.*clear `extract`"):
        shop.write(run)
    with pytest.raises(
        DeploymentError, match=r"another ready\.sql than the one here .*Clear the task `ready`"
    ):
        shop.extract(readiness=seen)


def test_a_query_that_is_not_there_is_named(loading: Loading) -> None:
    (loading.shop.home.path / "sql" / QUERY).unlink()
    with pytest.raises(WarehouseError, match=r"ready\.sql: no such query in"):
        loading.shop.home.score(loading.shop.job)


def test_a_job_that_does_not_ask_is_as_it_was(shop: Shop) -> None:
    done = shop.home.score(shop.job)
    assert kept(shop, done.run_id) == {}
    assert shop.home.last_run(shop.job)["ready_sha256"] is None


def test_a_run_looks_ever_more_rarely_and_never_too_rarely() -> None:
    pauses = [readiness.pause(seconds) for seconds in (0, 100, 1000, 6000, 10**6)]
    assert pauses == [timedelta(seconds=seconds) for seconds in (15, 15, 50, 300, 300)]


def test_what_was_seen_is_a_sentence(loading: Loading) -> None:
    _, asked = section(loading)
    seen = Readiness(ready=True, seconds=75, sha256="")
    assert readiness.describe(asked, seen) == "the source is ready, as ready.sql says after 1 min 15 s"
    seen = Readiness(ready=False, seconds=0, sha256="")
    assert readiness.describe(asked, seen) == (
        'the source is not ready, as ready.sql says, so the day is not scored (ready.on_timeout = "fail")'
    )


def section(loading: Loading) -> tuple[Job, ReadySection]:
    """A job and its section."""
    job = loading.shop.home.read(loading.shop.job)
    assert job.ready
    return job, job.ready


def findings(shop: Shop, run_id: int) -> list[tuple[str, str]]:
    """What the gate says of a run's readiness."""
    query = "SELECT action, message FROM scoring.findings WHERE run_id = :run AND check_name = 'ready'"
    return [(row["action"], row["message"]) for row in shop.home.sql(query, "analyst", run=run_id)]


def kept(shop: Shop, run_id: int) -> dict[str, float]:
    """What is kept with a run of its source."""
    query = "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run AND metric LIKE 'ready%'"
    return {row["metric"]: row["value"] for row in shop.home.sql(query, "analyst", run=run_id)}


@dataclass(frozen=True)
class Pieces:
    """A loader that commits a day in pieces, and a job that asks between them."""

    shop: Shop
    job: Job
    staged: str
    loaded: str
    loads: str

    @classmethod
    def open(cls, home: Home, days: list[date]) -> "Pieces":
        """All rows of all days, of which none is loaded."""
        rows = pd.concat(
            [shop_rows(ROWS, seed).assign(day=day, number=range(ROWS)) for seed, day in enumerate(days)]
        )
        staged, loaded = home.table(rows), home.table(rows.head(1))
        loading = open_loading(home)
        for table in (loaded, loading.loads):
            home.sql(f"DELETE FROM {table}", "warehouse_owner")
        shop = Shop(home, loading.shop.job, loaded)
        shop.query("SELECT * FROM {table} WHERE day = :score_date ORDER BY entity_id")
        return cls(shop, home.read(shop.job), staged, loaded, loading.loads)

    def trial(self, loader: psycopg.Connection, seed: int, day: date) -> list[int | None]:
        """Load a day in pieces, and try to score it between them; what a run would have scored, try by try."""
        random = np.random.default_rng(seed)
        cuts = [0, *sorted(random.choice(range(1, ROWS), random.integers(1, 4), replace=False)), ROWS]
        pieces = [
            f"INSERT INTO {self.loaded} SELECT * FROM {self.staged} "
            f"WHERE day = '{day}' AND number >= {low} AND number < {high}"
            for low, high in pairwise(cuts)
        ]
        announced = random.random() < 0.5
        if announced:
            pieces.insert(0, f"INSERT INTO {self.loads} VALUES ('{day}', false)")
        done = f"UPDATE {self.loads} SET complete = true WHERE day = '{day}'"
        done = done if announced else f"INSERT INTO {self.loads} VALUES ('{day}', true)"
        together = random.random() < 0.5
        commits = [*pieces[:-1], f"{pieces[-1]}; {done}"] if together else [*pieces, done]
        tries = []
        for commit in commits:
            with loader.transaction():
                loader.execute(commit.encode())
                if random.random() < 0.2:  # rows that are there, and not committed
                    tries.append(self.rows_of_a_run(day))
            if commit is not commits[-1] and random.random() < 0.3:
                tries.append(self.rows_of_a_run(day))
        return [*tries, self.rows_of_a_run(day)]

    def rows_of_a_run(self, day: date) -> int | None:
        """How many rows a run of a day would score that begins now; None where it may not begin."""
        # By the road on which a connection takes the least; the other ones answer the same.
        address = self.shop.home.workspace.warehouse.replace("postgresql:", "postgresql+psycopg:", 1)
        workspace, job = replace(self.shop.home.workspace, warehouse=address), self.job
        try:
            readiness.once(workspace, job, day, RunRequest(trigger="try"))
        except NotReady:
            return None
        text = queries.read(workspace.home / "sql", job.extract.query)
        return warehouse.count(workspace.warehouse, Query(text, {"score_date": day}, job.extract.query))


def test_of_a_day_that_is_committed_in_pieces_no_part_is_scored(home: Home) -> None:
    days = [NIGHT + timedelta(days=number) for number in range(TRIALS)]
    pieces = Pieces.open(home, days)
    with psycopg.connect(home.server.connections["warehouse_owner"], autocommit=True) as loader:
        tries = [pieces.trial(loader, seed, day) for seed, day in enumerate(days)]
    assert {rows for *before, _ in tries for rows in before} == {None}
    assert {last for *_, last in tries} == {ROWS}
    assert sum(map(len, tries)) > 2 * TRIALS
    # And what was let through is published whole.
    home.score(pieces.shop.job)
    assert len(pieces.shop.predictions()) == ROWS


def test_a_job_that_does_not_ask_would_publish_a_part(home: Home) -> None:
    pieces = Pieces.open(home, [NIGHT])
    pieces.shop.configure(r"(?s)\[ready\].*", "")
    home.sql(f"INSERT INTO {pieces.loaded} SELECT * FROM {pieces.staged} WHERE number < 7", "warehouse_owner")
    assert home.score(pieces.shop.job).rows_scored == 7
