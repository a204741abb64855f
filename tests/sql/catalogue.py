"""What a database has, as lines of text that can be compared: every object of ours, with all that is set of it."""

from typing import Any

import psycopg

_OURS = "'scoring'::regnamespace"
# Rights as they are, whether they were written down or are the default.
_RIGHTS = """coalesce((
    SELECT string_agg(format('%s%s by %s to %s', privilege_type, CASE WHEN is_grantable THEN '*' END, grantor::regrole,
                             CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END), ', '
                      ORDER BY grantee::regrole::text, privilege_type, grantor::regrole::text)
    FROM aclexplode({acl})), '')"""


def _rights(acl: str, kind: str = "", owner: str = "") -> str:
    return _RIGHTS.format(acl=f"coalesce({acl}, acldefault('{kind}', {owner}))" if kind else acl)


_QUERIES = {
    "relation": f"""
        SELECT relname, relkind, pg_get_userbyid(relowner), relpersistence, relispartition, relrowsecurity,
               relforcerowsecurity, relreplident, array_to_string(reloptions, ', '), amname,
               CASE relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) WHEN 'v' THEN pg_get_viewdef(c.oid)
                            WHEN 'i' THEN pg_get_indexdef(c.oid) WHEN 'I' THEN pg_get_indexdef(c.oid) END,
               CASE WHEN relkind = 'S' THEN {_rights("relacl", "s", "relowner")}
                    WHEN relkind NOT IN ('i', 'I') THEN {_rights("relacl", "r", "relowner")} END,
               obj_description(c.oid, 'pg_class')
        FROM pg_class AS c LEFT JOIN pg_am ON pg_am.oid = relam WHERE relnamespace = {_OURS}""",
    "column": f"""
        SELECT relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
               pg_get_expr(adbin, adrelid), coalesce(attstattarget, -1), attstorage, attcompression,
               (SELECT string_agg(option, ', ') FROM unnest(attoptions) AS option WHERE option !~ '^pg_attver='),
               attcollation::regcollation, attisdropped, {_rights("attacl")}, col_description(c.oid, attnum)
        FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid
        LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
        WHERE relnamespace = {_OURS} AND attnum > 0""",
    "constraint": f"""
        SELECT conrelid::regclass, conname, contype, pg_get_constraintdef(k.oid), convalidated, condeferrable,
               connoinherit, obj_description(k.oid, 'pg_constraint')
        FROM pg_constraint AS k WHERE connamespace = {_OURS}""",
    "trigger": f"""
        SELECT pg_get_triggerdef(t.oid), tgenabled, obj_description(t.oid, 'pg_trigger')
        FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid WHERE relnamespace = {_OURS} AND NOT tgisinternal""",
    "policy": f"""
        SELECT polrelid::regclass, polname, polpermissive, polcmd, array_to_string(polroles::regrole[], ', '),
               pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(p.oid, 'pg_policy')
        FROM pg_policy AS p JOIN pg_class AS c ON c.oid = polrelid WHERE relnamespace = {_OURS}""",
    "function": f"""
        SELECT p.oid::regprocedure, pg_get_userbyid(proowner), pg_get_functiondef(p.oid),
               {_rights("proacl", "f", "proowner")}, obj_description(p.oid, 'pg_proc')
        FROM pg_proc AS p WHERE pronamespace = {_OURS}""",
    "sequence": f"""
        SELECT seqrelid::regclass, seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle,
               (SELECT string_agg(format('%s of %s %s', deptype, refobjid::regclass, refobjsubid), ', ') FROM pg_depend
                WHERE objid = seqrelid AND classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass)
        FROM pg_sequence JOIN pg_class AS c ON c.oid = seqrelid WHERE relnamespace = {_OURS}""",
    "type": f"""
        SELECT typname, typtype, typcategory, obj_description(t.oid, 'pg_type')
        FROM pg_type AS t WHERE typnamespace = {_OURS}""",
    "schema": f"""
        SELECT nspname, pg_get_userbyid(nspowner), {_rights("nspacl", "n", "nspowner")},
               obj_description(n.oid, 'pg_namespace')
        FROM pg_namespace AS n WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'""",
    "default of a new object": f"""
        SELECT defaclrole::regrole, defaclnamespace, defaclobjtype, {_rights("defaclacl")} FROM pg_default_acl""",
    "database": f"""
        SELECT pg_get_userbyid(datdba), {_rights("datacl", "d", "datdba")},
               (SELECT string_agg(format('%s: %s', setrole, setconfig), ', ' ORDER BY setrole) FROM pg_db_role_setting
                WHERE setdatabase = d.oid)
        FROM pg_database AS d WHERE datname = current_database()""",
    "role": """
        SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
               rolconnlimit,
               (SELECT string_agg(format('%s by %s, admin %s', roleid::regrole, grantor::regrole, admin_option), '; '
                                  ORDER BY roleid::regrole::text, grantor::regrole::text)
                FROM pg_auth_members WHERE member = r.oid)
        FROM pg_roles AS r WHERE rolname ~ '^scoring_'""",
    "other": f"""
        SELECT 'publication', pubname::text FROM pg_publication
        UNION ALL SELECT 'event trigger', evtname::text FROM pg_event_trigger
        UNION ALL SELECT 'extension', extname::text FROM pg_extension
        UNION ALL SELECT 'statistics', stxname::text FROM pg_statistic_ext
        UNION ALL SELECT 'rule', rulename || ' ' || ev_class::regclass FROM pg_rewrite
                  JOIN pg_class AS c ON c.oid = ev_class WHERE relnamespace = {_OURS}
        UNION ALL SELECT 'operator', oprname::text FROM pg_operator WHERE oprnamespace = {_OURS}
        UNION ALL SELECT 'collation', collname::text FROM pg_collation WHERE collnamespace = {_OURS}""",
    # Of what a new database begins with; the identity's own values are its own.
    "row": """
        SELECT 'decisions_head', concat_ws(' ', entry, sha256, only_row) FROM scoring.decisions_head
        UNION ALL SELECT 'identity', concat_ws(' ', octet_length(secret), only_row) FROM scoring.identity""",
}


def catalogue(session: psycopg.Connection[Any]) -> set[str]:
    """A line for every object of the schema `scoring`, and for what else its revisions set."""
    return {
        " | ".join([kind, *map(str, row)])
        for kind, query in _QUERIES.items()
        for row in session.execute(query).fetchall()
    }
