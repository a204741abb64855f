"""No word becomes code: in job files, names and arguments hostile text is refused, or kept as the text that it is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import __main__ as command_line
from pipeline.config import dates, job, loader, sections
from pipeline.config.job import JobError
from pipeline.databases import queries
from pipeline.databases.queries import WarehouseError
from pipeline.errors import ScoringError, UsageError
from pipeline.model import registry
from pipeline.registration.register import Registration, register
from tests.home import NIGHT, Home, shop_rows
from tests.hostile import HOSTILE
from tests.pipeline.shop import Shop, open_shop

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shop(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop beside which a canary table and a canary file stand, also when the test is over."""
    monkeypatch.chdir(home.path)
    canary = home.path.parent / "injected"
    canary.write_text("untouched")
    home.sql("CREATE TABLE IF NOT EXISTS scoring.injected AS SELECT 1 AS untouched")
    home.sql("GRANT ALL ON scoring.injected TO scoring_writer, scoring_analyst")
    yield open_shop(home)
    assert canary.read_text() == "untouched"
    assert not (home.path / "injected").exists()
    assert home.sql("SELECT * FROM scoring.injected") == [{"untouched": 1}]
    home.sql("DROP TABLE scoring.injected")


def typed(
    *words: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    """A command in this process: its exit code and all that it printed."""
    monkeypatch.setattr(sys, "argv", ["pipeline", *map(str, words)])
    try:
        command_line.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    output, complained = capsys.readouterr()
    return code, output + complained


def with_value(text: str, section: str, key: str, value: object) -> str:
    """A job file with one key set, wherever it stood before."""
    lines, inside, kept = text.splitlines(), "", []
    for line in lines:
        if line.startswith("["):
            inside = line.strip("[]")
        if not (inside == section and line.split("=")[0].strip() == key):
            kept.append(line)
    part = f"{key} = {json.dumps(value)}"
    header = f"[{section}]"
    if not section:
        return "\n".join([part, *kept])
    if header not in kept:
        kept.append(header)
    return "\n".join([*kept[: kept.index(header) + 1], part, *kept[kept.index(header) + 1 :]])


KEYS = [
    (section, key)
    for section, fields in (
        ("", job.Job),
        ("extract", sections.ExtractSection),
        ("model", sections.ModelSection),
        ("write", sections.WriteSection),
        ("gate", sections.GateSection),
    )
    for key in fields.model_fields
    if key not in ("extract", "model", "write", "gate")
]


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_a_job_file_carries_no_code(shop: Shop, section: str, key: str) -> None:
    path = shop.home.path / "dags" / f"{shop.job}.toml"
    before = path.read_text()
    for value in HOSTILE:
        path.write_text(with_value(before, section, key, value))
        try:
            read = loader.read(path)
        except JobError as error:
            assert path.name in str(error)
            assert key in str(error)
            continue
        assert (section, key) in [("", "description"), ("", "owner"), ("", "pool"), ("extract", "query")]
        part = read.extract if section else read
        assert getattr(part, key) == value


def test_a_job_file_carries_no_query_from_elsewhere(shop: Shop) -> None:
    for value in HOSTILE:
        for name in (value, f"{value}.sql"):
            path = shop.home.path / "dags" / f"{shop.job}.toml"
            path.write_text(with_value(path.read_text(), "extract", "query", name))
            with pytest.raises(
                (JobError, WarehouseError), match="no such query in|is not a .sql file inside sql/"
            ):
                queries.read(shop.home.path / "sql", loader.read(path).extract.query)


def test_words_are_kept_as_they_were_written(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = " ".join(value for value in HOSTILE if value.isprintable() and len(value) < 100)
    path = shop.home.path / "dags" / f"{shop.job}.toml"
    path.write_text(with_value(path.read_text(), "", "description", hostile))
    path.write_text(with_value(path.read_text(), "", "owner", hostile[:100]))
    shop.configure("min_rows = 1", "min_rows = 101")
    assert typed("score", shop.job, NIGHT, capsys=capsys, monkeypatch=monkeypatch)[0] == 3
    held = shop.home.last_run(shop.job)["run_id"]
    decider = ("--by", hostile, "--reason", hostile)
    assert typed("approve", held, *decider, capsys=capsys, monkeypatch=monkeypatch)[0] == 0
    run = shop.home.last_run(shop.job)
    assert (run["decided_by"], run["decision_reason"], run["status"]) == (hostile, hostile, "published")
    shop.configure("min_rows = 101", "min_rows = 1")
    shop.change("visits = 0")
    shop.home.score(shop.job)
    assert typed("rollback", shop.job, NIGHT, *decider, capsys=capsys, monkeypatch=monkeypatch)[0] == 0
    assert shop.home.last_run(shop.job)["status_reason"] == f"rolled back by {hostile}: {hostile}"


def test_entities_are_kept_as_they_came(home: Home) -> None:
    rows = pd.concat([shop_rows(len(HOSTILE))])
    rows["entity_id"] = list(HOSTILE)
    shop = open_shop(home, rows)
    home.score(shop.job)
    assert set(shop.predictions()["entity_id"]) == set(HOSTILE)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_date_is_a_date_and_carries_no_path(value: str) -> None:
    with pytest.raises(dates.DateError, match="is not a date. Write it as YYYY-MM-DD"):
        dates.parse(value)


# The hostile word's place in each command: refused with 1 or 2, or (0) looked for and not found.
COMMANDS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "a job to score": (("score", "--", "{}", str(NIGHT)), (2,)),
    "a date to score": (("score", "--", "{job}", "{}"), (2,)),
    "a version": (("score", "--model-version={}", "{job}", str(NIGHT)), (2,)),
    "a job to check": (("check", "--", "{}"), (2,)),
    "a date to check": (("check", "{job}", "--date={}"), (2,)),
    "a job's runs": (("runs", "--", "{}"), (0,)),
    "how many runs": (("runs", "--limit={}"), (2,)),
    "a run to show": (("show", "--", "{}"), (2,)),
    "a run to approve": (("approve", "--reason=r", "--by=b", "--", "{}"), (2,)),
    "a job to roll back": (("rollback", "--reason=r", "--by=b", "--", "{}", str(NIGHT)), (2,)),
    "a date to roll back": (("rollback", "--reason=r", "--by=b", "--", "{job}", "{}"), (2,)),
    "a run to roll back to": (("rollback", "--reason=r", "--by=b", "--to={}", "{job}", str(NIGHT)), (2,)),
    "a model to register": (("register", "--reference=r.parquet", "--", "{}", "m.joblib"), (2,)),
    "an alias": (("register", "--reference=r.parquet", "--alias={}", "shop", "m.joblib"), (2,)),
}


@pytest.mark.parametrize("place", COMMANDS)
def test_an_argument_of_a_command_is_no_code(
    shop: Shop, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, codes = COMMANDS[place]
    for value in HOSTILE:
        filled = [word.replace("{job}", shop.job) if word != "{}" else value for word in words]
        filled = [word.replace("{}", value) for word in filled]
        code, output = typed(*filled, capsys=capsys, monkeypatch=monkeypatch)
        assert code in codes, (value, output)
        assert "Traceback" not in output
    assert shop.runs() == []


def test_a_real_command_line_takes_them_for_words_too(shop: Shop) -> None:
    value = "'; DROP TABLE scoring.injected; -- {{ 7 * 7 }} $(touch injected) ../../injected"
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "rollback",
        "--reason",
        value,
        "--by",
        value,
        "--",
        value,
        str(NIGHT),
    ]
    environ = {**os.environ, **shop.home.environment, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert ended.returncode == 2
    assert f"no job {value!r} in " in ended.stderr


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_models_name_and_alias_are_lower_case_words(tmp_path: Path, value: str) -> None:
    nowhere = (tmp_path / "m.joblib", tmp_path / "r.parquet")
    names: list[dict[str, Any]] = [{"name": value}, {"name": "shop", "alias": value}]
    for named in names:
        with pytest.raises(UsageError, match="use a lower-case word of letters, digits and _"):
            register(tmp_path, Registration(named["name"], *nowhere, alias=named.get("alias")))
    with pytest.raises(ScoringError):
        registry.resolve(tmp_path, "shop", value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder", "fifo", "device", "loop"])
def test_a_query_is_a_file_inside_sql(tmp_path: Path, kind: str) -> None:
    folder, outside = tmp_path / "sql", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "q.sql").write_text("SELECT 1")
    name = "q.sql"
    if kind == "file":
        (folder / name).symlink_to(outside / "q.sql")
    elif kind == "folder":
        (folder / "linked").symlink_to(outside)
        name = "linked/q.sql"
    elif kind == "fifo":
        os.mkfifo(folder / name)
    elif kind == "device":
        (folder / name).symlink_to("/dev/zero")
    else:
        (folder / name).symlink_to(folder / name)
    with pytest.raises(WarehouseError, match="no such query in"):
        queries.read(folder, name)


def test_a_job_file_that_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "waiting.toml")
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    for name in ("waiting", "endless"):
        with pytest.raises(JobError, match=f"{name}.toml: cannot be read: .*Make it a plain file"):
            loader.read(tmp_path / f"{name}.toml")


def test_a_score_date_is_bound_and_never_text(home: Home) -> None:
    shop = open_shop(home)
    shop.query("SELECT *, :score_date::text AS said FROM {table} WHERE :score_date = DATE '2024-03-01'")
    assert home.score(shop.job, date(2024, 3, 1)).rows_scored == 100
