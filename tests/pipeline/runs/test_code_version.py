"""The code version changes with the code that decides a score; and no run goes on after another deployment."""

import re
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from pipeline.payloads import Run, RunRequest
from pipeline.project import ROOT
from pipeline.runs import code_version
from pipeline.runs.code_version import DECISIVE, INDIFFERENT, DeploymentError
from pipeline.tasks.load_model import load_model
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.predict import predict
from pipeline.tasks.publish import publish
from pipeline.tasks.run import score
from pipeline.tasks.write import write
from pipeline.version import VERSION
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop

# Rooms of some depth, and modules beside them.
ROOMS = sorted(
    path.stem
    for path in (ROOT / "pipeline").iterdir()
    if path.suffix in ("", ".py") and (not path.name.startswith("__") or path.stem == "__main__")
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's code, which is taken for the project."""
    copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_version, "PACKAGE", tmp_path / "pipeline")
    return tmp_path


def changes_with(project: Path, file: Path) -> bool:
    """Whether another line in a file is another code version."""
    before = code_version.code_version()
    text = file.read_text()
    file.write_text(f"{text}\n# Another line.\n")
    changed = code_version.code_version() != before
    file.write_text(text)
    return changed


def test_every_room_decides_a_score_or_does_not() -> None:
    assert sorted(DECISIVE + INDIFFERENT) == ROOMS
    assert not set(DECISIVE) & set(INDIFFERENT)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_changes_the_version_where_it_decides_a_score(project: Path, room: str) -> None:
    place = project / "pipeline" / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert {changes_with(project, file) for file in files} == {room in DECISIVE}


@pytest.mark.parametrize("change", ["rename", "remove"])
def test_a_file_that_goes_or_gets_another_name_is_another_version(project: Path, change: str) -> None:
    before, file = code_version.code_version(), project / "pipeline" / "tasks" / "predict.py"
    file.rename(file.with_name("guess.py")) if change == "rename" else file.unlink()
    assert code_version.code_version() != before


def test_a_change_that_keeps_a_files_size_is_another_version(project: Path) -> None:
    file = project / "pipeline" / "model" / "scoring.py"
    text = file.read_text()
    before = code_version.code_version()
    file.write_text(text.replace("e", "o", 1))
    changed = code_version.code_version()
    file.write_text(text)
    assert (changed == before, code_version.code_version() == before) == (False, True)


def test_a_room_within_a_room_counts(project: Path) -> None:
    before = code_version.code_version()
    deeper = project / "pipeline" / "model" / "formats"
    deeper.mkdir()
    (deeper / "boosters.py").write_text("")
    assert code_version.code_version() != before


def rewrite(path: Path, text: str) -> None:
    path.write_text(f"{path.read_text()}\n{text}\n")


@pytest.fixture
def shop(home: Home, project: Path) -> Shop:
    """A job, where the project's code is a copy that may change."""
    return open_shop(home)


# What a deployment may bring, and what the message says of it.
DEPLOYMENTS: dict[str, tuple[Callable[[Shop, Path], None], str]] = {
    "code": (
        lambda shop, project: rewrite(project / "pipeline" / "model" / "scoring.py", "# other"),
        "other code (",
    ),
    "job file": (
        lambda shop, project: rewrite(shop.home.path / "dags" / f"{shop.job}.toml", "# other"),
        "another {job}.toml (",
    ),
    "gate": (lambda shop, project: shop.configure("min_rows = 1", "min_rows = 2"), "another {job}.toml ("),
    "query": (
        lambda shop, project: rewrite(shop.home.path / "sql" / f"{shop.job}.sql", "-- other"),
        "another {job}.sql (",
    ),
    "no query": (
        lambda shop, project: (shop.home.path / "sql" / f"{shop.job}.sql").unlink(),
        "another {job}.sql (",
    ),
}


@pytest.mark.parametrize("what", DEPLOYMENTS)
def test_no_task_goes_on_with_a_run_after_a_deployment(shop: Shop, project: Path, what: str) -> None:
    run = shop.extract()
    workspace, job = shop.home.workspace, shop.home.read(shop.job)
    work = load_model(workspace, job, run)
    scored = [predict(workspace, job, part) for part in work]
    written = [write(workspace, job, part) for part in scored]
    verdict = log_metrics(workspace, job, run, written)
    change, words = DEPLOYMENTS[what]
    change(shop, project)
    now = shop.home.read(shop.job)
    refusal = rf"run {run.run_id} of .* began with {re.escape(words.format(job=shop.job))}.* clear `extract`"
    tasks: list[Callable[[], object]] = [
        lambda: load_model(workspace, now, run),
        lambda: predict(workspace, now, work[0]),
        lambda: write(workspace, now, scored[0]),
        lambda: log_metrics(workspace, now, run, written),
        lambda: publish(workspace, now, run, verdict),
    ]
    for task in tasks:
        with pytest.raises(DeploymentError, match=refusal):
            task()
    last = shop.home.last_run(shop.job)
    assert (last["status"], last["status_reason"].split(":")[0]) == ("failed", "DeploymentError")
    assert shop.predictions().empty


def test_a_new_try_of_extract_begins_with_what_is_deployed_then(shop: Shop, project: Path) -> None:
    old = shop.extract(trigger="one", attempt=1)
    written = shop.write(old)
    shop.configure("a test job", "the same job, told otherwise")
    with pytest.raises(DeploymentError):
        shop.publish(old, written)
    new = shop.extract(trigger="one", attempt=2)
    assert shop.publish(new, shop.write(new)).run_id == new.run_id
    assert [run["status"] for run in shop.runs()] == ["abandoned", "published"]


def test_a_task_that_comes_again_after_a_deployment_tells_what_it_has_published(shop: Shop) -> None:
    run = shop.extract()
    written = shop.write(run)
    workspace, job = shop.home.workspace, shop.home.read(shop.job)
    verdict = log_metrics(workspace, job, run, written)
    first = publish(workspace, job, run, verdict)
    shop.configure("a test job", "the same job, told otherwise")
    assert publish(workspace, shop.home.read(shop.job), run, verdict) == first


def test_a_new_version_of_the_product_is_another_deployment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shop.extract()
    monkeypatch.setattr(code_version, "VERSION", "99.0.0")
    with pytest.raises(
        DeploymentError, match=f"began with version {VERSION} of this code, and here is 99.0.0"
    ):
        load_model(shop.home.workspace, shop.home.read(shop.job), run)


def test_what_another_version_has_handed_over_has_the_same_remedy(shop: Shop) -> None:
    value = shop.extract().json_value()
    assert code_version.read(Run, value).run_id == value["run_id"]
    for other in ({**value, "unheard_of": 1}, {name: value[name] for name in value if name != "deployment"}):
        with pytest.raises(DeploymentError, match=r"Run: 1 keys differ.*clear `extract`"):
            code_version.read(Run, other)


def test_other_line_ends_of_the_query_are_no_other_query(shop: Shop) -> None:
    run = shop.extract()
    path = shop.home.path / "sql" / f"{shop.job}.sql"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"")
    assert load_model(shop.home.workspace, shop.home.read(shop.job), run)


def test_one_process_whose_job_is_replaced_in_mid_run_ends_and_the_next_one_scores(
    shop: Shop, project: Path
) -> None:
    def deploy(task: str, done: int, total: int) -> None:
        if task == "log_metrics":
            rewrite(project / "pipeline" / "model" / "scoring.py", "# other")

    workspace, job = shop.home.workspace, shop.home.read(shop.job)
    with pytest.raises(DeploymentError, match="on the command line, score the day again"):
        score(workspace, job, NIGHT, RunRequest(trigger="one"), progress=deploy)
    assert shop.home.score(shop.job).rows_scored == 100
