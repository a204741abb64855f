"""sql/migrations: an older database gets what a new one has."""

from collections.abc import Callable

import psycopg
from alembic import command
from alembic.config import Config

from pipeline.databases.postgres import engine
from pipeline.provisioning import migrate
from tests.servers import Server
from tests.sql.catalogue import catalogue

# What a database of the baseline lacked.
OLDER = """
DROP VIEW scoring.class_probabilities, scoring.predictions, scoring.past_predictions, scoring.latest_predictions;
DROP TABLE scoring.model_classes;
CREATE VIEW scoring.predictions AS SELECT 1 AS one;
COMMENT ON COLUMN scoring.scoring_runs.job IS NULL;
COMMENT ON TABLE scoring.publications IS 'an older word';
DROP VIEW scoring.predictions;
"""


def test_a_database_of_the_baseline_becomes_what_a_new_one_is(real_server: Callable[[int], Server]) -> None:
    server = real_server(18)
    with server.superuser() as session:
        for database in ("older", "newer"):
            session.execute(f"CREATE DATABASE {database} OWNER scoring_owner")
    try:
        migrate.migrate(server.uri("newer", "scoring_owner"))
        migrate.migrate(server.uri("older", "scoring_owner"))
        with psycopg.connect(server.uri("older", "scoring_owner")) as session:
            session.execute(OLDER)
            session.execute("UPDATE scoring.alembic_version SET version_num = '0001'")
        migrate.migrate(server.uri("older", "scoring_owner"))
        with server.superuser("older") as older, server.superuser("newer") as newer:
            difference = catalogue(older) ^ catalogue(newer)
        assert {line for line in difference if "scoring_writer" not in line} == set()
    finally:
        with server.superuser() as session:
            for database in ("older", "newer"):
                session.execute(f"DROP DATABASE {database} WITH (FORCE)")
