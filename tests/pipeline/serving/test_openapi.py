"""pipeline/serving/openapi.py: the API takes what its document allows, and refuses what that forbids."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.serving.api import Api
from tests.pipeline.shop import Shop

SETTINGS = Path(__file__).with_name("schemathesis.toml")
PROGRAM = shutil.which("schemathesis", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(PROGRAM is None, reason="schemathesis is not installed: make .venv")
def test_schemathesis_finds_no_answer_that_its_document_does_not_allow(api: Api, tmp_path: Path) -> None:
    options = [
        "--max-examples",
        "20",
        "--seed",
        "19",
        "--phases",
        "examples,coverage,fuzzing",
        "--workers",
        "2",
    ]
    header = ["--header", f"Authorization: {api.client.headers['Authorization']}"]
    done = subprocess.run(
        [str(PROGRAM), "--config-file", str(SETTINGS), "run", f"{api.url}/openapi.json", *options, *header],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


def test_a_date_and_a_tensor_are_described_as_they_are_taken(api: Api, published: Shop) -> None:
    paths = api.get("/openapi.json")["paths"]
    single = paths[f"/v1/jobs/{published.job}/predictions/{{entity_id}}"]["get"]["parameters"]
    [day] = [each["schema"] for each in single if each["name"] == "score_date"]
    assert (day["type"], day["format"]) == ("string", "date")
    infer = paths[f"/v2/models/{published.job}/infer"]["post"]
    assert infer["parameters"] == []
    tensor = infer["requestBody"]["content"]["application/json"]["schema"]["properties"]["inputs"]["items"]
    names = ["entity_id", "amount", "visits", "channel", "member"]
    assert tensor["properties"]["name"] == {"enum": names}
