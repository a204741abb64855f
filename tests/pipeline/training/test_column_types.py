"""A column has one type on all score dates, in which its values are exact."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pipeline import training_frame
from pipeline.contract.contract import ContractError
from tests.home import Home
from tests.pipeline.training.rates import FIRST


def test_columns_have_one_type_on_all_dates(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.db"
    with closing(sqlite3.connect(path)) as session, session:
        session.executescript("""CREATE TABLE t (day TEXT, entity_id TEXT, a, b);
            INSERT INTO t VALUES ('2024-02-26', 'x', 7, 1), ('2024-02-27', 'x', 0.5, 'one'),
                ('2024-02-28', 'x', NULL, 1)""")
    monkeypatch.setenv("SCORING_HOME", str(home.path))
    monkeypatch.setenv("AIRFLOW_CONN_FILE", f"sqlite:///{path}")
    for column in ("a", "b"):
        query = f"SELECT entity_id, {column} FROM t WHERE day = :score_date"
        (home.path / "sql" / f"{column}.sql").write_text(query)
    frame = training_frame("a.sql", FIRST, "2024-02-28", connection="file")
    assert frame["a"].tolist()[:2] == [7.0, 0.5]
    assert np.isnan(frame["a"][2])
    with pytest.raises(ContractError, match="column 'b' is integer on 2024-02-26, and text on 2024-02-27"):
        training_frame("b.sql", FIRST, "2024-02-28", connection="file")
