"""A task's memory does not grow with the run: ten times the rows, the same peak."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.home import NIGHT, Home, shop_model

# Of the larger night each row may cost 40 bytes before the last line fails.
ROWS = 50_000

# Each stage in a process of its own, as a task: values in, values out.
STAGE = """
import json, sys
from datetime import date
from pipeline.config import loader, workspace
from pipeline.config.workspace import Workspace
from pipeline.payloads import PartTask, Run, RunRequest, Scored, Verdict, Written
from pipeline.runtime import resources
from pipeline.runtime.clock import Clock
from pipeline.tasks.extract import extract
from pipeline.tasks.load_model import load_model
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.predict import predict
from pipeline.tasks.publish import publish
from pipeline.tasks.write import write

stage, name, *handed = json.load(sys.stdin)
resources.limit_threads()
job = loader.find(workspace.home() / "dags", name)
site = Workspace(workspace.home(), workspace.store(), {warehouse!r}, {predictions!r})
match stage:
    case "extract":
        done = extract(site, job, date.fromisoformat({night!r}), RunRequest(trigger=name)).json_value()
    case "load_model":
        done = [work.json_value() for work in load_model(site, job, Run.read(handed[0]))]
    case "predict":
        done = [predict(site, job, PartTask.read(work)).json_value() for work in handed[0]]
    case "write":
        done = [write(site, job, Scored.read(scored)).json_value() for scored in handed[0]]
    case "log_metrics":
        written = [Written.read(part) for part in handed[1]]
        done = log_metrics(site, job, Run.read(handed[0]), written).json_value()
    case "publish":
        done = publish(site, job, Run.read(handed[0]), Verdict.read(handed[1])).json_value()
print(json.dumps([done, Clock().cost().peak_mb]))
"""


def peaks(home: Home, job: str) -> dict[str, float]:
    """Score a night stage by stage; the peak memory of each, in MB."""
    connections = home.server.connections
    program = STAGE.format(
        warehouse=connections["warehouse"], predictions=connections["predictions"], night=NIGHT.isoformat()
    )
    peak_mb: dict[str, float] = {}

    def stage(name: str, *handed: Any) -> Any:
        ended = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps([name, job, *handed]),
            env={**os.environ, **home.environment},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        done, peak_mb[name] = json.loads(ended.stdout)
        return done

    run = stage("extract")
    work = stage("load_model", run)
    scored = stage("predict", work[:-1])
    scored += stage("predict", work[-1:])  # a task scores one part
    written = stage("write", scored)
    stage("publish", run, stage("log_metrics", run, written))
    return peak_mb


def night(home: Home, rows: int) -> str:
    """A job on a table of so many rows."""
    table = home.name("input")
    home.sql(
        f"""
        CREATE TABLE {table} AS SELECT 'customer-' || lpad(n::text, 9, '0') AS entity_id,
            CASE WHEN n % 10 > 0 THEN 20 + n % 6000 / 100.0::double precision END AS amount,
            (n % 20)::bigint AS visits, (ARRAY['web', 'shop', 'phone'])[1 + n % 3] AS channel, n % 2 = 0 AS member
        FROM generate_series(1, {rows}) AS numbers (n)
        """,
        "warehouse_owner",
    )
    home.sql(f"GRANT SELECT ON {table} TO warehouse_reader", "warehouse_owner")
    name = home.job(f"SELECT * FROM {table}", "shop", gate=f"min_rows = {rows}")
    path = home.path / "dags" / f"{name}.toml"
    path.write_text(path.read_text().replace("rows_per_part = 40", f"rows_per_part = {ROWS}"))
    return name


def test_ten_times_the_rows_need_no_more_memory(home: Home) -> None:
    home.model("shop", *shop_model())
    small, large = peaks(home, night(home, ROWS)), peaks(home, night(home, 10 * ROWS))
    grown = {stage: large[stage] / small[stage] for stage in small}
    assert grown == {stage: pytest.approx(1, abs=0.1) for stage in small}, (small, large)
    assert max(large.values()) < 600
