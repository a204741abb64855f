"""The table of the tests of this room, and a query that reads it."""

from datetime import date

from tests.home import Home

FIRST = date(2024, 2, 26)

LAST = date(2024, 3, 1)

RATES = [0.1, 0.2, 0.3, 0.7, 1.1]

ROWS = f"""
CREATE TABLE {{table}} AS
SELECT day, 'e' || number AS entity_id, (ARRAY{RATES})[1 + (number + day) % 5]::real AS rate,
    CASE WHEN number = 3 AND day = 4 THEN NULL ELSE number END AS visits, number % 2 = 0 AS member,
    number % 3 = 0 AS bought
FROM generate_series(0, 4) AS day, generate_series(1, 60) AS number;
GRANT SELECT ON {{table}} TO warehouse_reader
"""

QUERY = (
    "SELECT entity_id, rate, visits, member{more} FROM {table} WHERE day = :score_date - DATE '2024-02-26'"
)


def write_query(home: Home, name: str, table: str, more: str = "") -> str:
    (home.path / "sql" / name).write_text(QUERY.format(table=table, more=more))
    return name
