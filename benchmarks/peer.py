"""The same night with other tools, each as its own documentation has it: no check, no files, no ledger.

Runs in the environment of peers.txt, without this project: `python peer.py MODE SOURCE TARGET JDBC_PORT MODEL_FOLDER`.
"""

import json
import os
import sys
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

_, mode, source, target, port, folder = sys.argv
COLUMNS = {
    column["name"]: column["dtype"]
    for column in json.loads((Path(folder) / "manifest.json").read_text())["columns"]
}
# A table like that of scores, without the triggers that look at each row of a session that has opened no run.
QUERY, TABLE = "SELECT * FROM bench_input", "peers.prediction_rows"
# Spark would else start its workers with the first Python on PATH.
os.environ["PYSPARK_PYTHON"] = sys.executable
JAR = "/usr/share/java/postgresql.jar"


def scored(rows, model):
    """Rows of the table of scores, as a frame."""
    import pandas as pd

    features = rows[list(COLUMNS)].astype(COLUMNS)
    return pd.DataFrame(
        {
            "score_date": pd.Timestamp("2013-07-01").date(),
            "run_id": 0,
            "part": 0,
            "entity_id": rows["entity_id"].astype(object),
            "score": model.predict_proba(features)[:, 1],
        }
    ).astype({"part": "int32"})


def _tcp(uri):
    """The same database for tools that know no Unix sockets."""
    parts = urlsplit(uri)
    return f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"


def _jdbc(uri):
    """The same database for Java."""
    parts = urlsplit(uri)
    return f"jdbc:postgresql://127.0.0.1:{port}{parts.path}?user={parts.username}"


def load():
    """The model."""
    import joblib

    return joblib.load(Path(folder) / "model.joblib")


def polars():
    """Read with connectorx, write with ADBC."""
    import polars as pl

    rows = pl.read_database_uri(QUERY, _tcp(source), engine="connectorx").to_pandas()
    pl.from_pandas(scored(rows, load())).write_database(
        TABLE, target, engine="adbc", if_table_exists="append"
    )


def spark():
    """Read and write with JDBC, predict in mapInPandas."""
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.extraClassPath", JAR)
        .config("spark.driver.memory", "4g")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    options = {"driver": "org.postgresql.Driver", "fetchsize": "10000", "batchsize": "10000"}
    halves = [f"abs(hashtext(entity_id)) % 2 = {half}" for half in range(2)]
    rows = session.read.jdbc(_jdbc(source), "bench_input", predicates=halves, properties=options)

    def predict(frames):
        model = load()
        for frame in frames:
            yield scored(frame, model)

    schema = "score_date date, run_id long, part int, entity_id string, score double"
    rows.mapInPandas(predict, schema).write.jdbc(
        _jdbc(target) + "&reWriteBatchedInserts=true", TABLE, mode="append", properties=options
    )


def ray():
    """Use read_sql, map_batches and write_sql of Ray Data."""
    import psycopg
    import ray as cluster
    from ray import data

    cluster.init(include_dashboard=False, configure_logging=False, log_to_driver=False)

    class Predict:
        def __init__(self):
            self.model = load()

        def __call__(self, frame):
            return scored(frame, self.model)

    rows = data.read_sql(QUERY, lambda: psycopg.connect(source))
    insert = f"INSERT INTO {TABLE} VALUES (%s, %s, %s, %s, %s)"  # noqa: S608 - a constant
    predictions = rows.map_batches(Predict, batch_format="pandas", batch_size=32_768, concurrency=1)
    predictions.write_sql(insert, lambda: psycopg.connect(target))


started = perf_counter()
{"polars": polars, "spark": spark, "ray": ray}[mode]()
print(json.dumps({"seconds": {mode: perf_counter() - started}}))
