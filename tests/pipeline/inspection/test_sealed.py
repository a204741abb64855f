"""pipeline/inspection/sealed.py: what is hashed here is what the database hashes, whatever the values are."""

import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.inspection.sealed import ENTRY, name_of, netstrings, rows, sha256
from tests.pipeline.inspection.chained import Base


@pytest.mark.parametrize(
    "values", [[None], [""], ["-"], ["a,b", "c"], ["a", "b,c"], ["1:a", None], ["\u00fc\U0001f600", "\n"]]
)
def test_values_are_one_text_as_the_database_has_it(chain: Base, values: list[str | None]) -> None:
    query = "SELECT scoring.netstrings(VARIADIC CAST(:values AS text[]))"
    assert chain.sql(query, values=values) == [(netstrings(values),)]


def test_no_two_lists_of_values_are_the_same_text() -> None:
    lists: list[list[str | None]] = [["a", "b"], ["a,1:b"], ["ab"], ["a", None], ["a", "-"], ["a", ""], ["a"]]
    assert len({sha256(netstrings(values)) for values in lists}) == len(lists)


def test_an_entry_has_a_name_of_what_it_decided(chain: Base) -> None:
    with postgres.engine(chain.owner).connect() as connection:
        connection.execute(sa.text("SET LOCAL TimeZone = 'UTC'"))
        names = [name_of(row) for row in rows(connection, "decisions", ENTRY, "entry")]
    assert names[2] == "entry 3 (approval of run 3, job 2024-03-01)"
    assert names[5] == "entry 6 (erasure 1 in job)"
