"""A machine with too little memory: nothing is published, and the message says what to lower."""

import json
import os
import subprocess
import sys

import pytest
from sklearn.kernel_ridge import KernelRidge

from tests.chaos.surroundings import begin
from tests.home import Home, shop_rows
from tests.pipeline.shop import Shop

# A task's process, whose model's may have no more than it has once it is loaded, and so many MB.
TASK = """
import json, os, sys
import psutil
from pipeline.config import loader, workspace
from pipeline.config.workspace import Workspace
from pipeline.model import registry
from pipeline.payloads import PartTask
from pipeline.runtime import resources
from pipeline.tasks.predict import predict

work, where, spare = json.load(sys.stdin)
resources.limit_threads()
work, where = PartTask.read(work), Workspace(workspace.home(), workspace.store(), "", where)
model = registry.load(registry.resolve(where.home, work.model_name, "", work.model_version))
(*_, own) = psutil.Process().children(recursive=True)
status = dict(line.split(":", 1) for line in open(f"/proc/{own.pid}/status"))
os.environ["SCORING_MODEL_MEMORY"] = str(int(status["VmData"].split()[0]) * 1024 / 1e6 + spare)
try:
    predict(where, loader.find(where.home / "dags", work.job), work)
except MemoryError as error:
    print("MemoryError:", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's address space")
def test_a_part_that_does_not_fit_says_what_to_lower_and_then_fits(home: Home) -> None:
    rows = shop_rows(4000)
    features = rows[["visits"]]
    # Scores by a matrix of 3000 numbers a row: 96 MB for a part of 4000 rows.
    home.model("greedy", KernelRidge(kernel="rbf").fit(features[:3000], rows["visits"][:3000]), features)
    table = home.table(rows)
    shop = Shop(home, home.job(f"SELECT * FROM {table} ORDER BY entity_id", "greedy"), table)
    shop.configure("rows_per_part = 40", "rows_per_part = 4000")
    output = score_in_a_child(shop, spare=80)
    assert "MemoryError: part 0 of job_" in output
    assert "4000 rows: there is not enough memory to score it" in output
    assert "Lower extract.rows_per_part in the job file" in output
    shop.configure("rows_per_part = 4000", "rows_per_part = 400")
    assert score_in_a_child(shop, spare=80) == ""
    assert shop.predictions().empty


def score_in_a_child(shop: Shop, spare: int) -> str:
    """Score a new night's first part in a process with so many MB to spare; what it says."""
    night = begin(shop)
    night.before("predict")
    asked = json.dumps([night.work[0].json_value(), shop.home.workspace.predictions, spare])
    ended = subprocess.run(
        [sys.executable, "-c", TASK],
        input=asked,
        env={**os.environ, **shop.home.environment},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
