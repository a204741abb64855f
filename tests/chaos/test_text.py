"""Text of every kind, from a database that takes anything: it reaches the analysts exactly."""

import sqlite3
from pathlib import Path

from tests.home import Home
from tests.pipeline.shop import open_shop

ENTITIES = {
    "an emoji of several code points": "👩‍👩‍👧‍👦",
    "right to left, with a mark that turns the direction": "\u202eعميل-7",
    "a letter and its accent apart": "e\u0301",
    "a letter and its accent in one": "\u00e9",
    "spaces around": "  customer\t",
    "what ends a line": "a\r\nb\u2028c",
    "what SQL and COPY take for their own": "'; -- \\N \\. \\t \" %s :score_date {0}",
    "nothing": "",
    "ten megabytes": "y" * 10_000_000,
}
CHANNELS = {
    "a NUL": "we\0b",
    "ten megabytes": "z" * 10_000_000,
    "the highest character": "\U0010ffff",
}


def test_text_of_every_kind_is_exact(home: Home, tmp_path: Path) -> None:
    shop = open_shop(home)
    rows = [(entity, "web") for entity in ENTITIES.values()]
    rows += [(f"channel: {kind}", channel) for kind, channel in CHANNELS.items()]
    path = tmp_path / "warehouse.db"
    with sqlite3.connect(path) as database:
        columns = "entity_id text, amount double, visits integer, channel text, member boolean"
        database.execute(f"CREATE TABLE {shop.table} ({columns})")
        database.executemany(f"INSERT INTO {shop.table} VALUES (?, 1, 1, ?, 1)", rows)
    done = home.score(shop.job, warehouse=f"sqlite:///{path}")
    assert (done.rows_scored, done.rows_rejected) == (len(rows), 0)
    assert set(shop.predictions()["entity_id"]) == {entity for entity, _ in rows}
    unknown = "SELECT value FROM scoring.feature_metrics WHERE run_id = :run AND feature = 'channel' AND metric = :name"
    assert home.sql(unknown, run=done.run_id, name="unknown_category") == [{"value": float(len(CHANNELS))}]
