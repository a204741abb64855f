"""What every role may do, read from the catalogue: over all that there is, so that what is added counts too.

Whose name begins with `scoring_` or is a login of ours is a role of ours. Each question lists what breaks its rule.
"""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pipeline.embedded.server import Embedded
from tests.home import Server

# Owners are not among them: what is theirs, they may change.
ROLES = """(
    SELECT oid, rolname FROM pg_roles
    WHERE NOT rolsuper AND rolname <> 'scoring_owner'
      AND (rolname ~ '^scoring_' OR rolname IN ('approver', 'janitor', 'watcher', 'analyst', 'pages', 'api'))
)"""
FUNCTIONS = (
    "(SELECT *, oid::regprocedure::text AS name FROM pg_proc WHERE pronamespace = 'scoring'::regnamespace)"
)
# What analysts read. Whoever adds to it says why a stranger to the run may see it, and how it asks for the job.
READ = {
    "predictions", "latest_predictions", "past_predictions", "rejections", "findings", "drift_history", "model_quality",
    "my_jobs", "scoring_runs", "run_parts", "current_runs", "publications", "run_metrics", "feature_metrics",
    "profiles", "outcome_metrics", "model_classes", "class_probabilities", "punctuality", "late_data",
    "challenger_quality", "prediction_reasons", "column_contributions",
    "parity_certificates", "online_profiles", "online_rejections",
}  # fmt: skip
# All that ANALYZE keeps of what analysts' queries read. EXPLAIN shows it, of rows that they may not see as well.
PLANNED_BY = {
    "attempt", "code_version", "column_name", "dry_run", "expired_at", "extracted_at", "feature", "idempotency_key",
    "input_sha256", "input_sha256_next", "interval_end", "interval_start", "job", "job_sha256", "kind",
    "library_versions", "measured_at", "metric", "metrics_pruned_at", "model_name", "model_named", "model_sha256",
    "model_version", "part", "parts", "parts_pruned_at", "pipeline_version", "published_at", "query_sha256",
    "ready_sha256", "rejected_pruned_at", "replaced_run_id", "row_number", "rows_erased", "rows_extracted",
    "rows_pruned_at", "rows_rejected", "rows_scored", "rule", "run_id", "score_date", "scored_at", "scored_sha256",
    "scored_sha256_next", "served_by", "slice_column", "source_run_id", "staleness_days", "started_at", "status",
    "status_since", "bin", "trigger", "written_at",
}  # fmt: skip

QUESTIONS = {
    "functions that anybody may call": f"""
        SELECT name FROM {FUNCTIONS} AS f
        WHERE has_function_privilege('public', f.oid, 'EXECUTE')""",
    "functions that anybody may call once they are made": """
        SELECT 'the default of ' || pg_get_userbyid(nspowner) FROM pg_namespace
        WHERE nspname = 'scoring' AND NOT EXISTS (
            SELECT FROM pg_default_acl WHERE defaclrole = nspowner AND defaclnamespace = 0 AND defaclobjtype = 'f'
              AND NOT EXISTS (SELECT FROM aclexplode(defaclacl) WHERE grantee = 0))""",
    "functions with their owner's rights that look names up where their caller says": f"""
        SELECT name FROM {FUNCTIONS} AS f
        WHERE prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)""",
    "functions with their owner's rights that take what a caller may define": f"""
        SELECT name FROM {FUNCTIONS} AS f, unnest(coalesce(proallargtypes, proargtypes::oid[])) AS argument
        JOIN pg_type AS type ON type.oid = argument
        WHERE prosecdef AND (typnamespace <> 'pg_catalog'::regnamespace OR typtype = 'p')""",
    "functions with their owner's rights that could be made a trigger of a stranger's table": f"""
        SELECT name FROM {FUNCTIONS} AS f
        WHERE prosecdef AND prorettype = ANY (ARRAY['trigger', 'event_trigger']::regtype[])""",
    "functions with rights of another than the schema's owner": f"""
        SELECT name FROM {FUNCTIONS} AS f JOIN pg_namespace AS n ON n.oid = pronamespace
        WHERE proowner <> nspowner""",
    "triggers' functions that a role of ours could use elsewhere": f"""
        SELECT name || ' ' || rolname FROM {FUNCTIONS} AS f, {ROLES} AS r
        WHERE prorettype = ANY (ARRAY['trigger', 'event_trigger']::regtype[])
          AND has_function_privilege(r.oid, f.oid, 'EXECUTE')""",
    "functions that an analyst may call": f"""
        SELECT name FROM {FUNCTIONS} AS f WHERE has_function_privilege('analyst', f.oid, 'EXECUTE')""",
    "databases in which a role of ours, or anybody, may make something": f"""
        SELECT datname || ' ' || rolname FROM pg_database, (
            SELECT 'public' AS rolname UNION ALL SELECT rolname::text FROM {ROLES} AS r
        ) AS r, unnest(ARRAY['CREATE', 'TEMPORARY']) AS privilege
        WHERE has_database_privilege(rolname, pg_database.oid, privilege)""",
    "schemas in which a role of ours, or anybody, may make something": f"""
        SELECT nspname || ' ' || rolname FROM pg_namespace, (
            SELECT 'public' AS rolname UNION ALL SELECT rolname::text FROM {ROLES} AS r
        ) AS r WHERE has_schema_privilege(rolname, pg_namespace.oid, 'CREATE')""",
    "tablespaces in which a role of ours may make something": f"""
        SELECT spcname || ' ' || rolname FROM pg_tablespace, {ROLES} AS r
        WHERE has_tablespace_privilege(r.oid, pg_tablespace.oid, 'CREATE')""",
    "what a role of ours owns": f"""
        SELECT 'relation ' || c.oid::regclass FROM pg_class AS c JOIN {ROLES} AS r ON r.oid = relowner
        UNION ALL SELECT 'type ' || t.oid::regtype FROM pg_type AS t JOIN {ROLES} AS r ON r.oid = typowner
        UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc AS p JOIN {ROLES} AS r ON r.oid = proowner
        UNION ALL SELECT 'schema ' || nspname FROM pg_namespace JOIN {ROLES} AS r ON r.oid = nspowner
        UNION ALL SELECT 'database ' || datname FROM pg_database JOIN {ROLES} AS r ON r.oid = datdba
        UNION ALL SELECT 'large object ' || l.oid FROM pg_largeobject_metadata AS l JOIN {ROLES} AS r
          ON r.oid = lomowner""",
    "attributes and memberships that make more of a role of ours": f"""
        SELECT a.rolname FROM pg_roles AS a JOIN {ROLES} AS r ON r.oid = a.oid
        WHERE a.rolsuper OR a.rolcreaterole OR a.rolcreatedb OR a.rolreplication OR a.rolbypassrls
        UNION ALL
        SELECT r.rolname || ' in ' || roleid::regrole FROM pg_auth_members JOIN {ROLES} AS r ON r.oid = member
        WHERE admin_option OR roleid::regrole::text !~ '^scoring_(?!owner)'""",
    "types of ours that are no table's rows": """
        SELECT t.oid::regtype::text FROM pg_type AS t
        WHERE typnamespace = 'scoring'::regnamespace AND typtype <> 'c' AND typcategory <> 'A'""",
    "views that are no walls": f"""
        SELECT c.oid::regclass::text FROM pg_class AS c, {ROLES} AS r
        WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('v', 'm')
          AND has_table_privilege(r.oid, c.oid, 'SELECT')
          AND NOT coalesce('security_barrier=true' = ANY (reloptions), false)""",
    "tables that an analyst reads past the jobs": """
        SELECT c.oid::regclass::text FROM pg_class AS c
        WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p')
          AND has_any_column_privilege('scoring_job_analyst', c.oid, 'SELECT')
          AND NOT (relrowsecurity AND EXISTS (
              SELECT FROM pg_policy WHERE polrelid = c.oid AND NOT polpermissive AND polcmd IN ('r', '*')
                AND to_regrole('scoring_job_analyst')::oid = ANY (polroles)))""",
    "tables, views, columns and functions without a comment": f"""
        SELECT c.oid::regclass::text FROM pg_class AS c
        WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
          AND coalesce(obj_description(c.oid, 'pg_class'), '') = ''
        UNION ALL
        SELECT c.oid::regclass || '.' || attname FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid
        WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
          AND attnum > 0 AND NOT attisdropped AND coalesce(col_description(c.oid, attnum), '') = ''
        UNION ALL
        SELECT name FROM {FUNCTIONS} AS f WHERE coalesce(obj_description(f.oid, 'pg_proc'), '') = ''""",
    "comments with a sentence of 25 words or more": """
        SELECT description FROM pg_description JOIN pg_class AS c ON c.oid = objoid AND classoid = 'pg_class'::regclass,
            regexp_split_to_table(description, '[.;:]\\s') AS sentence
        WHERE relnamespace = 'scoring'::regnamespace
          AND cardinality(regexp_split_to_array(btrim(sentence), '\\s+')) >= 25""",
    "what an analyst may do to a table, view or sequence but read it": """
        SELECT c.oid::regclass || ' ' || privilege FROM pg_class AS c,
            unnest(ARRAY['INSERT', 'UPDATE', 'REFERENCES']) AS privilege
        WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
          AND has_any_column_privilege('analyst', c.oid, privilege)
        UNION ALL
        SELECT c.oid::regclass || ' ' || privilege FROM pg_class AS c,
            unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS privilege
        WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
          AND has_table_privilege('analyst', c.oid, privilege)
        UNION ALL
        SELECT c.oid::regclass::text FROM pg_class AS c
        WHERE relnamespace = 'scoring'::regnamespace
          AND CASE relkind WHEN 'S' THEN has_sequence_privilege('analyst', c.oid, 'USAGE, SELECT, UPDATE') END""",
}


@pytest.fixture(scope="module", params=["embedded", 15, 16, 17, 18], ids=str)
def session(request: pytest.FixtureRequest, server: Embedded, real_server: Callable[[int], Server]) -> Any:
    """The migrated predictions database of a server, as a superuser; from 15 on its owner is none."""
    running: Server = server if request.param == "embedded" else real_server(request.param)
    with psycopg.connect(running.uri("predictions"), autocommit=True) as session:
        session.execute("SELECT scoring.ensure_partition('2024-07-01')")
        yield session


@pytest.mark.parametrize("question", QUESTIONS)
def test_there_are_none_of(session: psycopg.Connection[tuple[str]], question: str) -> None:
    rows = session.execute(QUESTIONS[question]).fetchall()
    assert sorted({row[0] for row in rows}) == []


def test_the_questions_are_asked_of_something(session: psycopg.Connection[tuple[int]]) -> None:
    for what, least in ((ROLES, 7), (FUNCTIONS, 30)):
        [(count,)] = session.execute(f"SELECT count(*) FROM {what} AS what").fetchall()
        assert count >= least


def test_analysts_read_exactly_what_is_listed(session: psycopg.Connection[tuple[str]]) -> None:
    rows = session.execute("""
        SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
          AND nspname <> 'wrong'  -- what the wrong writers of tests/chaos leave on a server that is shared with them
          AND has_any_column_privilege('analyst', pg_class.oid, 'SELECT')
    """)
    assert {name for (name,) in rows} == READ


def test_planning_knows_no_score_entity_figure_or_text(session: psycopg.Connection[tuple[str]]) -> None:
    rows = session.execute("""
        SELECT DISTINCT attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
          AND attstattarget IS DISTINCT FROM 0 AND (
              relname ~ '^(prediction|rejected)_rows' OR has_any_column_privilege('analyst', pg_class.oid, 'SELECT'))
    """)
    assert {name for (name,) in rows} <= PLANNED_BY


def test_no_query_is_compiled_for_what_an_average_night_costs(
    session: psycopg.Connection[tuple[str]],
) -> None:
    assert session.execute("SHOW jit").fetchall() == [("off",)]
