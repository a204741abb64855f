"""sql/migrations: an older database gets what a new one has."""

import re
from collections.abc import Callable

import psycopg

from pipeline.project import SQL
from pipeline.provisioning import migrate
from tests.servers import Server
from tests.sql.catalogue import catalogue

# What a database of the baseline had, and had not.
OLDER = """
DROP VIEW scoring.class_probabilities, scoring.predictions, scoring.past_predictions, scoring.latest_predictions;
DROP TABLE scoring.model_classes;
DROP VIEW scoring.punctuality;
DROP TABLE scoring.due_dates, scoring.watched_jobs;
REVOKE ALL ON scoring.scoring_runs, scoring.alerts FROM scoring_watcher;
REVOKE ALL ON FUNCTION scoring.require_date FROM scoring_watcher;
REVOKE ALL ON SCHEMA scoring FROM scoring_watcher;
REVOKE ALL ON DATABASE older FROM scoring_watcher;
DROP VIEW scoring.late_data;
DROP TABLE scoring.source_checks;
DROP FUNCTION scoring.enter_source_check, scoring.claim_part;
COMMENT ON COLUMN scoring.scoring_runs.job IS NULL;
COMMENT ON COLUMN scoring.rejected_rows.rule IS 'an older word';
COMMENT ON TABLE scoring.publications IS 'an older word';
DROP VIEW scoring.model_quality;
DROP FUNCTION scoring.lock_quality, scoring.enter_quality;
DROP TABLE scoring.quality_incidents;
DROP FUNCTION scoring.replace_outcome_bins;
DROP TABLE scoring.outcome_bins;
DROP VIEW scoring.challenger_quality;
DROP TRIGGER erase_challenge_reasons ON scoring.erasures;
DROP FUNCTION scoring.begin_challenge, scoring.end_challenge, scoring.fail_challenge, scoring.lock_challenge_results,
    scoring.enter_challenge_result, scoring.enter_challenge_verdicts, scoring.plan_challenge_rewrite,
    scoring.settle_challenge_rewrite, scoring.erase_challenge_reasons;
DROP TABLE scoring.challenge_results, scoring.challenge_parts, scoring.challenges;
DROP VIEW scoring.prediction_reasons, scoring.column_contributions;
DROP TRIGGER erase_explanations ON scoring.erasures;
DROP FUNCTION scoring.begin_reasons, scoring.open_reasons, scoring.enter_reasons, scoring.enter_contributions,
    scoring.end_reasons, scoring.erase_explanations, scoring.expire_reasons, scoring.erase_reasons;
DROP TABLE scoring.explanations, scoring.reasons, scoring.contributions;
DROP FUNCTION scoring.parts_rewritten;
DROP FUNCTION scoring.add_online;
DROP TABLE scoring.online_profiles, scoring.online_rejections;
DROP TABLE scoring.api_tokens, scoring.parity_certificates;
REVOKE ALL ON SCHEMA scoring FROM scoring_api;
REVOKE ALL ON DATABASE older FROM scoring_api;
DROP TABLE scoring.model_candidates;
"""
RIGHTS = """
GRANT SELECT ON scoring.predictions, scoring.latest_predictions TO scoring_writer, scoring_job_analyst;
GRANT SELECT ON scoring.past_predictions TO scoring_job_analyst;
GRANT SELECT ON scoring.model_quality TO scoring_writer, scoring_job_analyst;
UPDATE scoring.alembic_version SET version_num = '0001';
"""


def older_views() -> str:
    """The views of scores before they had the number of a row's part."""
    text = (SQL / "schema" / "views" / "scores.sql").read_text()
    statements = [one for one in text.split(";\n") if not one.strip().startswith("COMMENT")]
    older = ";\n".join(statements).replace(",\n       rows.part", "").replace(", one.part", "")
    assert "part\n" not in older
    return older


def older_quality() -> str:
    """The view of how scores fared before it said which dates the model had seen."""
    text = (SQL / "schema" / "views" / "monitoring.sql").read_text()
    [view] = [one for one in text.split(";\n") if "CREATE VIEW scoring.model_quality" in one]
    older = re.sub(r",\n       \(SELECT seen\.value.*?AS in_sample", "", view, flags=re.DOTALL)
    older = re.sub(r",\n       found\.quality_evidence.*?(?=\nFROM)", "", older, flags=re.DOTALL)
    older = "\n".join(line for line in older.splitlines() if not re.search(" AS (quality|estimate)", line))
    assert "in_sample" not in older
    assert "quality" not in older.replace("model_quality", "")
    return older


def older_retention() -> str:
    """The function that takes metrics before estimates and challengers left any."""
    text = (SQL / "schema" / "functions" / "retention.sql").read_text()
    [_, *rest] = text.partition("CREATE FUNCTION scoring.expire_metrics")
    older = (
        "".join(rest)
        .partition("COMMENT ON")[0]
        .replace(" 'outcome_bins',", "")
        .replace(", 'challenge_results'", "")
    )
    return older.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def older_reasons() -> str:
    """The tables and functions of reasons before a failed try left those of the one before."""
    text = (SQL / "schema" / "tables" / "reasons.sql").read_text()
    older = text.replace(",\n    earlier           jsonb", "").replace(", ALTER earlier SET STATISTICS 0", "")
    older = re.sub(
        r"COMMENT ON COLUMN scoring\.explanations\.(earlier|status|settings) IS\n.*?;\n", "", older
    )
    older = re.sub(r",\n        -- Of a try.*?END;", ";", older, flags=re.DOTALL)
    older = re.sub(r"    -- One that has kept.*?END IF;\n    END IF;\n", "", older, flags=re.DOTALL)
    older = older.replace(", earlier = NULL", "").replace(
        "scoring.parts_rewritten(of_run, parts, inputs)", "false"
    )
    assert not re.search(r"\bearlier\b(?! try)", older)
    return older + (SQL / "schema" / "views" / "reasons.sql").read_text()


def test_a_database_of_the_baseline_becomes_what_a_new_one_is(real_server: Callable[[int], Server]) -> None:
    server = real_server(18)
    with server.superuser() as session:
        for database in ("older", "newer"):
            session.execute(f"CREATE DATABASE {database} OWNER scoring_owner")
    try:
        migrate.migrate(server.uri("newer", "scoring_owner"))
        migrate.migrate(server.uri("older", "scoring_owner"))
        with psycopg.connect(server.uri("older", "scoring_owner")) as session:
            for statements in (
                OLDER,
                older_views(),
                older_quality(),
                older_retention(),
                older_reasons(),
                RIGHTS,
            ):
                session.execute(statements.encode())
        migrate.migrate(server.uri("older", "scoring_owner"))
        with server.superuser("older") as older, server.superuser("newer") as newer:
            difference = catalogue(older) ^ catalogue(newer)
        assert sorted(difference) == []
    finally:
        with server.superuser() as session:
            for database in ("older", "newer"):
                session.execute(f"DROP DATABASE {database} WITH (FORCE)")
