"""Two wrong ways of writing a night, which the campaign must catch: a harness that cannot fail proves nothing.

Both take the place of `write` and `publish`, each with a plain table of its own that analysts would read.
"""

from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from pipeline.config.workspace import Workspace
from pipeline.databases import postgres
from pipeline.payloads import Publication, Run, Scored, Verdict, Written
from pipeline.runtime.clock import Clock
from pipeline.store import parts
from pipeline.store.layout import RunRef

TABLES = """
CREATE SCHEMA IF NOT EXISTS wrong;
CREATE TABLE IF NOT EXISTS wrong.append (
    job text, score_date date, run_id bigint, entity_id text, score double precision, label text);
CREATE TABLE IF NOT EXISTS wrong.delete_insert (LIKE wrong.append);
GRANT USAGE ON SCHEMA wrong TO scoring_writer, scoring_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA wrong TO scoring_writer, scoring_analyst;
GRANT INSERT, DELETE ON ALL TABLES IN SCHEMA wrong TO scoring_writer;
"""


class Append:
    """Every part is appended to the table when it is scored; there is nothing to publish."""

    table = "append"

    def write(self, workspace: Workspace, scored: Scored) -> Written:
        with adbc.connect(workspace.predictions) as session, session.cursor() as cursor:
            postgres.load(cursor, "wrong", self.table, _rows(workspace, scored).to_reader())
            session.commit()
        return _written(scored)

    def publish(self, workspace: Workspace, run: Run, verdict: Verdict) -> Publication:
        return _publication(run, verdict)


class DeleteInsert:
    """The night's old rows are deleted and its new ones inserted, each statement in a transaction of its own."""

    table = "delete_insert"

    def write(self, workspace: Workspace, scored: Scored) -> Written:
        (Path(workspace.store) / f"{scored.run_id}-{scored.part.number}.json").write_text(
            scored.model_dump_json()
        )
        return _written(scored)

    def publish(self, workspace: Workspace, run: Run, verdict: Verdict) -> Publication:
        with adbc.connect(workspace.predictions, autocommit=True) as session, session.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM wrong.{self.table} WHERE job = '{run.job}' AND score_date = DATE '{run.score_date}'"
            )
            for part in run.parts:
                kept = Path(workspace.store) / f"{run.run_id}-{part.number}.json"
                rows = _rows(workspace, Scored.model_validate_json(kept.read_text()))
                postgres.load(cursor, "wrong", self.table, rows.to_reader())
        return _publication(run, verdict)


WRITERS: dict[str, Append | DeleteInsert] = {
    "append": Append(),
    "delete_insert": DeleteInsert(),
}


def _rows(workspace: Workspace, scored: Scored) -> pa.Table:
    path = RunRef.of(scored).scored(scored.part.number)
    rows = pa.Table.from_batches(parts.read(workspace.store, path, scored.part))
    constants = {
        "job": pa.scalar(scored.job),
        "score_date": pa.scalar(scored.score_date, pa.date32()),
        "run_id": pa.scalar(scored.run_id, pa.int64()),
    }
    named = {name: pa.repeat(value, rows.num_rows) for name, value in constants.items()}
    return pa.table(named | {name: rows.column(name) for name in ("entity_id", "score", "label")})


def _written(scored: Scored) -> Written:
    return Written(run_id=scored.run_id, part=scored.part, predict=scored.cost, write=Clock().cost())


def _publication(run: Run, verdict: Verdict) -> Publication:
    known = {name: getattr(run, name) for name in Publication.model_fields if hasattr(run, name)}
    return Publication(**known, rows_scored=verdict.rows_scored, replaced_run_id=None)
