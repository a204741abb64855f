"""The database's roles: each can do its work, and nothing else."""

import pytest
import sqlalchemy as sa

from pipeline.config.sections import RetentionSection
from pipeline.databases import postgres
from pipeline.embedded.server import Embedded
from pipeline.maintenance import retention_days
from pipeline.runs.publications import Held
from tests.home import Home, shop_rows
from tests.pipeline.shop import Shop, open_shop

RUN = "run_id = (SELECT max(run_id) FROM scoring.scoring_runs WHERE status = 'published')"


@pytest.fixture(scope="module")
def night(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A published night with one rejected row, for those who only look or are refused."""
    return published(Home(tmp_path_factory.mktemp("home"), server))


@pytest.fixture
def shop(home: Home) -> Shop:
    """The same, to be changed."""
    return published(home)


def published(home: Home) -> Shop:
    rows = shop_rows()
    rows.loc[7, "entity_id"] = None
    shop = open_shop(home, rows)
    home.score(shop.job)
    return shop


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE scoring.prediction_rows",
        "DROP VIEW scoring.predictions",
        "DROP SCHEMA scoring CASCADE",
        "ALTER TABLE scoring.prediction_rows ADD COLUMN more text",
        "ALTER TABLE scoring.scoring_runs DISABLE TRIGGER keep_published_run",
        "CREATE TABLE scoring.mine (x int)",
        "TRUNCATE scoring.prediction_rows",
        "TRUNCATE scoring.current_runs CASCADE",
        f"UPDATE scoring.prediction_rows SET score = 1 WHERE {RUN}",
        f"DELETE FROM scoring.prediction_rows WHERE {RUN}",
        f"DELETE FROM scoring.rejected_rows WHERE {RUN}",
        f"DELETE FROM scoring.scoring_runs WHERE {RUN}",
        "DELETE FROM scoring.current_runs",
        f"UPDATE scoring.run_parts SET rows_rejected = 0 WHERE {RUN}",
        f"UPDATE scoring.run_parts SET rows_extracted = 0 WHERE {RUN}",
        f"DELETE FROM scoring.run_parts WHERE {RUN}",
        f"DELETE FROM scoring.run_metrics WHERE {RUN}",
        f"UPDATE scoring.scoring_runs SET published_at = NULL WHERE {RUN}",
        f"UPDATE scoring.scoring_runs SET model_named = true WHERE {RUN}",
        "UPDATE scoring.rejected_rows SET rule = 'none'",
        "UPDATE scoring.current_runs SET run_id = 1",
        "INSERT INTO scoring.current_runs VALUES ('job', '2024-03-01', 1)",
        "INSERT INTO scoring.publications SELECT * FROM scoring.publications",
        "UPDATE scoring.publications SET by = 'nobody'",
        "SELECT FROM scoring.nights FOR UPDATE",
        "DELETE FROM scoring.writers",
        "UPDATE scoring.retention SET superseded_days = 1",
        "DELETE FROM scoring.outcome_metrics_history",
        f"UPDATE scoring.run_metrics SET run_id = 0 WHERE {RUN}",
        "DELETE FROM scoring.publications",
        "SELECT setval('scoring.writing', 1)",
        "SELECT nextval('scoring.writing')",
        "SELECT scoring.point(1, 'because', 'publish', NULL, NULL)",
        "CREATE OR REPLACE FUNCTION scoring.guard_rows() RETURNS trigger LANGUAGE sql AS ''",
        "CREATE FUNCTION scoring.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE VIEW scoring.mine AS SELECT 1",
        "ALTER FUNCTION scoring.publish SECURITY INVOKER",
        "DROP FUNCTION scoring.publish",
        "DROP TRIGGER guard_rows ON scoring.prediction_rows",
        "CREATE TRIGGER mine AFTER INSERT ON scoring.scoring_runs EXECUTE FUNCTION scoring.guard_rows()",
        "SET session_replication_role = replica",
        "ALTER ROLE scoring_pipeline SUPERUSER",
        "COPY scoring.prediction_rows TO '/tmp/stolen'",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('PG_VERSION')",
        "UPDATE scoring.prediction_rows_202403 SET score = 1",
        "DROP TABLE scoring.prediction_rows_202403",
        "INSERT INTO scoring.prediction_rows_202403 SELECT * FROM scoring.prediction_rows",
        "SET ROLE scoring_janitor",
        "SET ROLE postgres",
    ],
)
def test_the_pipeline_cannot_take_back_what_it_wrote(night: Shop, statement: str) -> None:
    before = night.predictions()
    with pytest.raises(sa.exc.ProgrammingError, match=r"must be owner of|permission denied"):
        night.home.sql(statement, "predictions")
    assert night.predictions().equals(before)


@pytest.mark.parametrize(
    "statement", ["DROP {0} {1}", "ALTER {0} {1} RENAME TO mine", "TRUNCATE {1}", "DELETE FROM {1}"]
)
def test_the_pipeline_cannot_drop_alter_or_empty_anything(night: Shop, statement: str) -> None:
    query = """
        SELECT 'scoring.' || relname AS name, CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind
        FROM pg_class WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p', 'v')
    """
    rows = night.home.sql(query)
    assert len(rows) > 12
    refusal = "must be owner of|permission denied|cannot truncate|is not a table|cannot delete from view"
    for relation in rows:
        with pytest.raises(sa.exc.DatabaseError, match=refusal):
            night.home.sql(statement.format(relation["kind"], relation["name"]), "predictions")


@pytest.mark.parametrize(
    "assignment",
    [
        "rows_scored = 1, rows_extracted = 1, rows_rejected = 0",
        "model_sha256 = 'other'",
        "model_version = model_version + 1",
        "input_sha256 = 'other'",
        "published_at = now()",
        "decided_by = 'nobody'",
        "status = 'failed'",
        "status = 'running'",
        "status = 'abandoned'",
    ],
)
@pytest.mark.parametrize("role", ["predictions", "predictions_owner"])
def test_a_published_runs_row_cannot_change(night: Shop, assignment: str, role: str) -> None:
    statement = f"UPDATE scoring.scoring_runs SET {assignment} WHERE job = :job AND status = 'published'"
    refusal = r"run \d+ was published and cannot change|permission denied for table scoring_runs"
    with pytest.raises(sa.exc.DatabaseError, match=refusal):
        night.home.sql(statement, role, job=night.job)


def test_a_superseded_runs_row_cannot_change_either(shop: Shop) -> None:
    shop.change("visits = 0")
    shop.home.score(shop.job)
    statement = "UPDATE scoring.scoring_runs SET {} WHERE job = :job AND status = 'superseded'"
    with pytest.raises(sa.exc.DatabaseError, match=r"run \d+ was published and cannot change"):
        shop.home.sql(
            statement.format("rows_scored = 0, rows_rejected = rows_extracted"), "predictions", job=shop.job
        )


def test_a_run_that_does_not_add_up_cannot_be_marked_published(shop: Shop) -> None:
    shop.change("visits = visits + 1")
    run = shop.extract()
    statement = "UPDATE scoring.scoring_runs SET status = 'published' WHERE run_id = :run_id"
    with pytest.raises(sa.exc.IntegrityError, match=r"scoring_runs_check|one_published_run"):
        shop.home.sql(statement, run_id=run.run_id)


def test_the_pipeline_cannot_read_the_warehouse(night: Shop) -> None:
    uri = night.home.server.uri("warehouse", "scoring_pipeline")
    with pytest.raises(sa.exc.OperationalError, match="permission denied for database"):
        _rows(uri, f"SELECT * FROM {night.table}")


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("DELETE FROM {table}", "read-only transaction"),
        ("CREATE TABLE mine (x int)", "read-only transaction"),
        ("SET TRANSACTION READ WRITE; DELETE FROM {table}", "permission denied"),
        ("SET TRANSACTION READ WRITE; CREATE TABLE mine (x int)", "permission denied"),
    ],
)
def test_the_reader_cannot_write_the_warehouse(night: Shop, statement: str, refusal: str) -> None:
    with pytest.raises(sa.exc.DatabaseError, match=refusal):
        night.home.sql(statement.format(table=night.table), "warehouse")


@pytest.mark.parametrize(
    ("relation", "rows"),
    [
        ("predictions", 99),
        ("past_predictions", 99),
        ("rejections", 1),
        ("run_parts", 3),
        ("scoring_runs", 1),
        ("current_runs", 1),
        ("publications", 1),
    ],
)
def test_an_analyst_reads_what_a_night_was(night: Shop, relation: str, rows: int) -> None:
    run = {"run_id": night.home.last_run(night.job)["run_id"]}
    query = f"SELECT count(*) FROM scoring.{relation} WHERE run_id = :run_id"
    assert night.home.sql(query, "analyst", **run)[0]["count"] == rows


@pytest.mark.parametrize("relation", ["run_metrics", "feature_metrics"])
def test_an_analyst_reads_the_metrics(night: Shop, relation: str) -> None:
    run = {"run_id": night.home.last_run(night.job)["run_id"]}
    assert night.home.sql(f"SELECT value FROM scoring.{relation} WHERE run_id = :run_id", "analyst", **run)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM scoring.prediction_rows",
        "SELECT * FROM scoring.prediction_rows_202403",
        "SELECT * FROM scoring.rejected_rows",
        "INSERT INTO scoring.run_metrics VALUES (1, 'mine', 1)",
        "UPDATE scoring.scoring_runs SET status_reason = 'mine'",
        "UPDATE scoring.predictions SET score = 1",
        "UPDATE scoring.current_runs SET run_id = 1",
        "DELETE FROM scoring.current_runs",
        "DELETE FROM scoring.feature_metrics",
        "CREATE TABLE scoring.mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "SELECT scoring.ensure_partition('1999-01-01')",
        "SELECT scoring.summarize('2024-03-01')",
        "SELECT scoring.analyze('2024-03-01')",
        "SELECT value FROM scoring.rejected_rows",
        "INSERT INTO scoring.prediction_rows SELECT * FROM scoring.prediction_rows",
        "INSERT INTO scoring.publications SELECT * FROM scoring.publications",
        "DELETE FROM scoring.publications",
        "DELETE FROM scoring.past_predictions",
        "SELECT scoring.publish(1)",
        "SELECT scoring.roll_back('job', '2024-03-01', NULL, 'me', 'mine')",
        "SELECT scoring.approve(1, 'me', 'mine')",
        "SELECT scoring.reject(1, 'me', 'mine')",
        "SELECT * FROM scoring.decisions",
        "SELECT * FROM scoring.decisions_head",
        "SELECT scoring.write_as(1)",
        "SELECT currval('scoring.writing')",
        "SELECT scoring.lock_night('job', '2024-03-01')",
        "LOCK TABLE scoring.current_runs IN SHARE MODE",
        "SELECT FROM scoring.current_runs FOR SHARE",
        "SELECT FROM scoring.nights",
        "ALTER VIEW scoring.predictions RENAME TO mine",
        "TRUNCATE scoring.scoring_runs CASCADE",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SET ROLE scoring_writer",
        "SET ROLE scoring_janitor",
    ],
)
def test_an_analyst_reads_no_unpublished_row_and_writes_nothing(night: Shop, statement: str) -> None:
    with pytest.raises(sa.exc.DatabaseError, match=r"permission denied|must be owner|cannot .* view"):
        night.home.sql(statement, "analyst")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM scoring.predictions",
        "SELECT * FROM scoring.prediction_rows",
        "SELECT * FROM scoring.rejected_rows",
        "SELECT findings FROM scoring.scoring_runs",
        "INSERT INTO scoring.scoring_runs (job, score_date) VALUES ('job', '2024-03-01')",
        f"UPDATE scoring.scoring_runs SET status = 'failed' WHERE {RUN}",
        "UPDATE scoring.alerts SET title = 'mine'",
        "DELETE FROM scoring.alerts",
        "DELETE FROM scoring.due_dates",
        "UPDATE scoring.due_dates SET promised_at = now()",
        "SELECT scoring.publish(1)",
        "SELECT scoring.lock_night('job', '2024-03-01')",
        "CREATE TABLE scoring.mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
        "SET ROLE scoring_writer",
    ],
)
def test_the_watch_reads_when_runs_ended_and_nothing_of_the_data(night: Shop, statement: str) -> None:
    with pytest.raises(sa.exc.DatabaseError, match=r"permission denied|must be owner"):
        night.home.sql(statement, "predictions_watcher")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT scoring.publish(1)",
        "SELECT scoring.write_as(1)",
        "SELECT scoring.admit(1, 'ada', 'mine')",
        "SELECT scoring.point(1, 'because', 'approval', 'ada', 'mine')",
        "SELECT value FROM scoring.rejected_rows",
        "SELECT body FROM scoring.alerts",
        f"UPDATE scoring.scoring_runs SET status = 'published' WHERE {RUN}",
        f"UPDATE scoring.scoring_runs SET decided_by = 'ada' WHERE {RUN}",
        "INSERT INTO scoring.publications SELECT * FROM scoring.publications",
        "UPDATE scoring.current_runs SET run_id = 1",
        "INSERT INTO scoring.run_metrics VALUES (1, 'mine', 1)",
        "DELETE FROM scoring.prediction_rows",
        "CREATE TABLE scoring.mine (x int)",
        "SET ROLE scoring_writer",
        "SET ROLE scoring_janitor",
        "SET SESSION AUTHORIZATION postgres",
    ],
)
def test_the_approver_decides_and_nothing_else(night: Shop, statement: str) -> None:
    with pytest.raises(sa.exc.DatabaseError, match=r"permission denied|must be owner"):
        night.home.sql(statement, "predictions_approver")


def test_rejections_do_not_show_the_values_that_broke_the_rules(night: Shop) -> None:
    columns = set(night.home.sql("SELECT * FROM scoring.rejections LIMIT 1", "analyst")[0])
    assert columns == {"job", "score_date", "run_id", "row_number", "entity_id", "column_name", "rule"}


def test_a_running_run_is_invisible(shop: Shop) -> None:
    before = shop.predictions()
    shop.change("visits = 0")
    run = shop.extract()
    shop.write(run)
    assert shop.rows(run.run_id) == 99
    assert shop.predictions().equals(before)


def test_a_held_run_is_invisible(shop: Shop) -> None:
    before = shop.predictions()
    shop.configure("min_rows = 1", "min_rows = 1000")
    with pytest.raises(Held):
        shop.home.score(shop.job)
    assert shop.predictions().equals(before)


def test_the_view_shows_one_run_a_night_whatever_the_table_holds(shop: Shop) -> None:
    shop.change("visits = 0")
    shop.home.score(shop.job)
    assert len(shop.predictions()) == 99
    query = "SELECT count(*) FROM scoring.prediction_rows JOIN scoring.scoring_runs USING (run_id) WHERE job = :job"
    assert shop.home.sql(query, job=shop.job)[0]["count"] == 198


def _rows(uri: str, query: str) -> None:
    with postgres.engine(uri).begin() as connection:
        connection.execute(sa.text(query))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM scoring.prediction_rows",
        "SELECT * FROM scoring.prediction_rows_202403",
        "SELECT value FROM scoring.rejected_rows",
        "SELECT entity_id FROM scoring.rejected_rows",
        f"DELETE FROM scoring.prediction_rows WHERE {RUN}",
        f"DELETE FROM scoring.rejected_rows WHERE {RUN}",
        f"UPDATE scoring.scoring_runs SET status_reason = 'mine' WHERE {RUN}",
        f"UPDATE scoring.run_parts SET rows_erased = 1 WHERE {RUN}",
        "DELETE FROM scoring.current_runs",
        "DELETE FROM scoring.erasures",
        "INSERT INTO scoring.erasures DEFAULT VALUES",
        "UPDATE scoring.retention SET superseded_days = 1",
        "UPDATE scoring.retention SET metrics_days = 1",
        f"UPDATE scoring.scoring_runs SET metrics_pruned_at = now() WHERE {RUN}",
        "DELETE FROM scoring.run_metrics",
        "DELETE FROM scoring.outcome_metrics_history",
        "SELECT value FROM scoring.run_metrics",
        "SELECT count FROM scoring.profiles",
        "DELETE FROM scoring.alerts",
        "INSERT INTO scoring.retention VALUES ('job', 1, 1, 1, 1)",
        "DELETE FROM scoring.rewrites",
        "LOCK TABLE scoring.prediction_rows_202403 IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE scoring.rejected_rows IN SHARE MODE",
        "SELECT scoring.lock_night('job', '2024-03-01')",
        "TRUNCATE scoring.prediction_rows_202403",
        "DROP TABLE scoring.prediction_rows_202403",
        "SELECT scoring.publish(1)",
        "SELECT scoring.ensure_partition('1999-01-01')",
        "SET ROLE scoring_writer",
    ],
)
def test_the_janitor_works_through_its_functions_only(night: Shop, statement: str) -> None:
    before = night.predictions()
    with pytest.raises(sa.exc.ProgrammingError, match=r"must be owner of|permission denied"):
        night.home.sql(statement, "predictions_janitor")
    assert night.predictions().equals(before)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("scoring.expire({run})", False),
        ("scoring.expire_parts({run})", False),
        ("scoring.expire_metrics({run})", 0),
        ("scoring.delete_rows({run}, 'scores', 0, 1000)", "the scores of run .* are not due"),
        ("scoring.delete_rows({run}, 'rejected rows', 0, 1000)", "the rejected rows of run .* are not due"),
    ],
)
def test_the_janitors_functions_take_nothing_that_is_not_a_day_old(
    night: Shop, call: str, told: int | str
) -> None:
    days = {"parts_days": 1, "rejected_values_days": 1, "superseded_days": 1, "predictions_days": 1,
            "metrics_days": 1}  # fmt: skip
    job = night.home.read(night.job)
    short = job.model_copy(update={"retention": RetentionSection(**days)})
    retention_days.enter(night.home.server.connections["predictions_owner"], [short])
    statement = f"SELECT {call.format(run=night.home.last_run(night.job)['run_id'])} AS done"
    if isinstance(told, str):
        with pytest.raises(sa.exc.DatabaseError, match=told):
            night.home.sql(statement, "predictions_janitor")
    else:
        assert night.home.sql(statement, "predictions_janitor") == [{"done": told}]
    assert len(night.predictions()) == 99


@pytest.mark.parametrize("role", ["predictions", "analyst"])
@pytest.mark.parametrize(
    "call",
    [
        "begin_cleanup()",
        "expire(1)",
        "expire_parts(1)",
        "expire_metrics(1)",
        "find_rows(1, 'scores')",
        "delete_rows(1, 'scores', 0, 1)",
        "plan_rewrite(1, 0, 'mine', NULL)",
        "settle_rewrite(1, 0, 'mine')",
        "erase('job', 'entity', '{}', '{}', '{}', '{}', 'who', 'why')",
    ],
)
def test_nobody_but_the_janitor_throws_away(night: Shop, role: str, call: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied for function"):
        night.home.sql(f"SELECT scoring.{call}", role)
