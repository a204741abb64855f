"""A job file says everything in data; whatever is wrong with it, the error names file, key and remedy."""

import hashlib
import tomllib
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.config import loader
from pipeline.config.job import Job, JobError

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = (ROOT / "dags" / "flight_delay.toml").read_text()
GOOD = SHIPPED.replace("start_date = 2013-01-01", "start_date = 2013-07-01\nend_date = 2013-12-31")

MINIMAL = """\
description = "a night"
owner = "us"
schedule = "0 2 * * *"
start_date = 2024-01-01
[extract]
query = "n.sql"
[model]
name = "m"
"""
INLINE = {
    "extract": '{query = "n.sql"}',
    "model": '{name = "m"}',
    "contract": "{}",
    "write": "{}",
    "gate": "{}",
}


def read(folder: Path, text: str) -> Job:
    """Read a text as the job file night.toml."""
    path = folder / "night.toml"
    path.write_text(text)
    return loader.read(path)


def test_the_shipped_jobs_can_be_read() -> None:
    found = [loader.read(path) for path in loader.files(ROOT / "dags")]
    assert [job.name for job in found] == ["flight_delay"]


def test_every_key_says_what_it_means() -> None:
    for model in (Job, *(loader.section_of(field.annotation) for field in Job.model_fields.values())):
        for name, field in model.model_fields.items() if model else ():
            assert field.description or loader.section_of(field.annotation), name


def test_a_job_says_what_its_file_says_and_the_defaults_else(tmp_path: Path) -> None:
    job = read(tmp_path, MINIMAL)
    assert (job.name, job.schedule, job.start_date) == ("night", "0 2 * * *", date(2024, 1, 1))
    assert (job.timezone, job.zone, job.end_date, job.catchup) == ("UTC", ZoneInfo("UTC"), None, False)
    assert (job.days_back, job.retries, job.max_active_runs) == (0, 3, 1)
    assert (job.extract.connection, job.extract.query, job.write.connection) == (
        "warehouse",
        "n.sql",
        "predictions",
    )
    assert (job.model.name, job.model.alias) == ("m", "champion")
    assert (job.contract.overrides, job.contract.unique, job.contract.keep_values) == ({}, "refuse", True)
    assert (job.slices, job.outcomes) == ((), None)
    assert (job.gate.min_rows, job.gate.max_rejected_fraction, job.gate.on_empty) == (1, 0.05, "fail")
    assert job.sha256 == hashlib.sha256(MINIMAL.encode()).hexdigest()


def test_rules_may_be_said_of_all_columns_and_of_one(tmp_path: Path) -> None:
    text = MINIMAL + "[contract]\nfuture = 'warn'\n[contract.columns.\"a.b\"]\nnull = 'ignore'\n"
    contract = read(tmp_path, text).contract
    assert contract.overrides == {"future": "warn"}
    assert {name: rules.overrides for name, rules in contract.columns.items()} == {"a.b": {"null": "ignore"}}


def test_a_job_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read(tmp_path, MINIMAL).retries = 4


@pytest.mark.parametrize("section", ["extract", "model", "contract", "write", "gate"])
@pytest.mark.parametrize("scalar", ["3", "'text'", "true", "[]", "2024-01-01", "nan"])
def test_a_section_that_is_a_value_is_named(tmp_path: Path, section: str, scalar: str) -> None:
    head, _, _ = MINIMAL.partition("[")
    others = "".join(f"{name} = {said}\n" for name, said in INLINE.items() if name != section)
    with pytest.raises(
        JobError, match=f"night.toml: key '{section}' = .*: Input should be a valid dictionary"
    ):
        read(tmp_path, f"{head}{section} = {scalar}\n{others}")


@pytest.mark.parametrize(
    "key", ["owner", "schedule", "start_date", "description", "extract.query", "model.name"]
)
def test_a_key_that_must_be_there_is_named_with_its_meaning(tmp_path: Path, key: str) -> None:
    *_, last = key.split(".")
    kept = [line for line in MINIMAL.splitlines() if not line.startswith(f"{last} =")]
    assert len(kept) == len(MINIMAL.splitlines()) - 1
    with pytest.raises(JobError, match=rf"night.toml: key '{key}' is missing. Add it: .+\."):
        read(tmp_path, "\n".join(kept))


def test_every_mistake_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = MINIMAL.replace("owner", "ownr").replace("0 2 * * *", "nightly").replace("n.sql", "n.txt")
    with pytest.raises(JobError) as error:
        read(tmp_path, text)
    lines = str(error.value).splitlines()
    assert all(line.startswith("night.toml: key ") for line in lines)
    assert {line.split("'")[1] for line in lines} == {"ownr", "owner", "schedule", "extract.query"}


@pytest.mark.parametrize(
    "query", ["../n.sql", "a/../../n.sql", "/n.sql", "..", "", "n.SQL", "n.sql/", "n.sql\\n"]
)
def test_a_query_outside_of_the_folder_of_queries_is_refused(tmp_path: Path, query: str) -> None:
    with pytest.raises(
        JobError, match="night.toml: key 'extract.query' = .*: is not a .sql file inside sql/"
    ):
        read(tmp_path, MINIMAL.replace("n.sql", query))


def test_the_digest_changes_with_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).sha256 != read(tmp_path, GOOD + "\n# reviewed\n").sha256


@pytest.mark.parametrize(
    ("said", "instead", "complaint"),
    [
        (
            "owner =",
            "ownr =",
            r"night.toml: key 'ownr' is unknown. Did you mean 'owner'\? Known: description",
        ),
        ("owner =", "ownr =", "night.toml: key 'owner' is missing. Add it: the team to call"),
        (
            "rows_per_part",
            "row_per_part",
            "key 'extract.row_per_part' is unknown. Did you mean 'rows_per_part'",
        ),
        ("[model]", "[modell]", "key 'model' is missing"),
        ("[gate]", "[gate]\ndeciders = 'ada'", r"key 'gate.deciders' = 'ada': Input should be a valid tuple"),
        (
            "[gate]",
            "[gate]\ndeciders = ['ada', 'ada']",
            r"key 'gate.deciders' = .*: names ada twice. It is: list of the",
        ),
        ("[gate]", "[gate]\ndeciders = [' ']", "key 'gate.deciders' = ' ': String should match pattern"),
        (
            "[gate]",
            "[gate]\nfour_eyes = 'yes'",
            "key 'gate.four_eyes' = 'yes': Input should be a valid boolean",
        ),
        (
            "[gate]",
            "[gate]\non_timeout = 'approve'\nfour_eyes = true",
            "key 'gate.four_eyes' = True: cannot stand beside on_timeout = \"approve\", which publishes though nobody",
        ),
        (
            '"0 2 * * *"',
            '"nightly"',
            "key 'schedule' = 'nightly': is not a cron expression of five fields, such as",
        ),
        ('"0 2 * * *"', '"0 25 * * *"', "key 'schedule' = '0 25"),
        ("America/New_York", "New York", "key 'timezone' = 'New York': is not an IANA time zone"),
        ("2013-07-01", '"soon"', "key 'start_date' = 'soon'"),
        ("= 500", "= 0", "key 'extract.rows_per_part' = 0: Input should be greater than or equal to 1"),
        ("= 500", '= "many"', "key 'extract.rows_per_part' = 'many'"),
        (
            "[gate]",
            "[contract]\nnul = 'warn'\n[gate]",
            r"key 'contract.nul' is unknown. Did you mean 'null'\? Known: type",
        ),
        (
            "[gate]",
            "[contract]\nnull = 'drop'\n[gate]",
            "key 'contract.null' = 'drop': Input should be 'reject', 'warn' or 'ignore'. It is: missing; loosened only",
        ),
        (
            "[gate]",
            "[contract.columns.temp]\nnul = 'warn'\n[gate]",
            r"key 'contract.columns.temp.nul' is unknown. Did you mean 'null'\? Known: type, null, finite",
        ),
        (
            "[gate]",
            "[contract.columns.temp]\nunique = 'reject'\n[gate]",
            "key 'contract.columns.temp.unique' is unknown. Known: type, null, finite",
        ),
        (
            "[gate]",
            "[contract.columns.'a b']\nfuture = true\n[gate]",
            "key 'contract.columns.a b.future' = True: Input should be .*. It is: a time after the end of",
        ),
        (
            "[gate]",
            "[contract.columns]\ntemp = 'warn'\n[gate]",
            "key 'contract.columns.temp' = 'warn': Input should be a valid dictionary.*. It is: a section of rules",
        ),
        (
            "[gate]",
            "[contract]\ncolumns = 3\n[gate]",
            "key 'contract.columns' = 3: Input should be a valid dictionary",
        ),
        (
            "[gate]",
            "[contract]\nunique = 'warn'\n[gate]",
            "key 'contract.unique' = 'warn': Input should be 'refuse'",
        ),
        (
            "[gate]",
            "[contract]\nkeep_values = 0\n[gate]",
            "key 'contract.keep_values' = 0: Input should be a valid bool",
        ),
        (
            "flight_delay/features.sql",
            "../secret.sql",
            "key 'extract.query' = '../secret.sql': is not a .sql file inside",
        ),
        (
            "flight_delay/features.sql",
            "/etc/passwd",
            "key 'extract.query' = '/etc/passwd': is not a .sql file inside",
        ),
        ('name = "flight_delay"', 'name = "../other"', "key 'model.name' = '../other'"),
        (
            "delay_days = 2",
            "",
            "key 'outcomes.delay_days' is missing. Add it: days after the score date on which",
        ),
        (
            "delay_days = 2",
            "delay_days = 0",
            "key 'outcomes.delay_days' = 0: Input should be greater than or equal",
        ),
        ("delay_days", "days", r"key 'outcomes.days' is unknown. Known: query, delay_days, column"),
        (
            "delay_days = 2",
            "delay_days = 2\nbusines = 'a.sql'",
            r"busines' is unknown. Did you mean 'business'\?",
        ),
        (
            "delay_days = 2",
            "delay_days = 2\ngap = nan",
            "key 'outcomes.gap' = nan: Input should be greater than or",
        ),
        (
            "delay_days = 2",
            "delay_days = 2\nmin_group = 1",
            "key 'outcomes.min_group' = 1: Input should be greater",
        ),
        (
            '"flight_delay/business.sql"',
            '"../b.sql"',
            "key 'outcomes.business' = '../b.sql': is not a .sql file inside",
        ),
        (
            "retries = 3",
            "retries = 3\ndays_back = 2",
            r"key 'outcomes' = .*: delay_days = 2 must be more than days_back \(2\): no night is scored before",
        ),
        ("0.02", "2", "key 'gate.max_rejected_fraction' = 2: Input should be less than or equal to 1"),
        (
            'on_empty = "skip"',
            'on_empty = "wipe"',
            "key 'gate.on_empty' = 'wipe': Input should be 'skip' or 'fail'",
        ),
        ("retries = 3", "retries = -1", "key 'retries' = -1"),
        ("[gate]", "[gate", "night.toml: not a TOML file"),
        ("catchup", "sha256", "key 'sha256' is not yours to set"),
        ("owner", "name", "key 'name' is not yours to set. Remove it: it comes from the file"),
        ('"0 2 * * *"', '"0 0 31 2 *"', "key 'schedule' = '0 0 31 2 [*]': names a day that never comes"),
        ('"0 2 * * *"', '"R 2 * * *"', "key 'schedule' = 'R 2 .*': is not a cron expression"),
        ("America/New_York", "localtime", "key 'timezone' = 'localtime': is not an IANA time zone"),
        ("2013-12-31", "2013-06-30", "key 'end_date' = .*: is before start_date .2013-07-01."),
        ("2013-12-31", "9999-12-31", "key 'end_date' = .*: Input should be less than 2200-01-01"),
        ("2013-07-01", "0001-01-01", "key 'start_date' = .*: Input should be greater than or equal to 1970"),
        ('"flight-operations"', f'"{"x" * 101}"', "key 'owner' = .*: String should have at most 100"),
        ('"flight-operations"', '"a\\u0000b"', "key 'owner' = .*: String should match pattern"),
        ("2013-07-01", "1372636800", "key 'start_date' = 1372636800: Input should be a valid date"),
        ("2013-07-01", '"2013-07-01"', "key 'start_date' = '2013-07-01': Input should be a valid date"),
        ("catchup = false", 'catchup = "no"', "key 'catchup' = 'no': Input should be a valid boolean"),
        ("retries = 3", 'retries = "3"', "key 'retries' = '3': Input should be a valid integer"),
        ("retries = 3", "retries = true", "key 'retries' = True: Input should be a valid integer"),
        ("retries = 3", f"retries = {10**18}", "key 'retries' = 10{18}: Input should be less than"),
        ("retries", "retry_delay_seconds = 100000000\nretries", "key 'retry_delay_seconds' = 100000000"),
        ("= 500", f"= {10**18}", "key 'extract.rows_per_part' = 10{18}: Input should be less than"),
        ("0.02", "nan", "key 'gate.max_rejected_fraction' = nan"),
        ("features.sql", "features.sql\\u0000", "is not a .sql file inside sql/"),
        ("features.sql", "\\u0000.sql", "is not a .sql file inside sql/"),
        ("[gate]", "[[gate]]", r"key 'gate' = \[.*: Input should be a valid dictionary"),
        (
            'slices = ["carrier", "origin"]',
            'slices = ["carrier", "origin", "carrier"]',
            "key 'slices' = .*: names carrier twice. It",
        ),
        (
            'slices = ["carrier", "origin"]',
            'slices = ["entity_id"]',
            "key 'slices' = .*: names entity_id, which is no group",
        ),
        (
            'slices = ["carrier", "origin"]',
            'slices = ["carrier", "weight"]',
            "business reads a table with a column 'weight' of its own, .* under another name",
        ),
        (
            'slices = ["carrier", "origin"]',
            'slices = ["carrier", "Score"]',
            "business reads a table with a column 'score' of its own, .* Take 'Score' out of slices",
        ),
        (
            'slices = ["carrier", "origin"]',
            'slices = ["carrier", "Carrier"]',
            "business reads slices without capitals, and two of these are the same then",
        ),
        (
            'slices = ["carrier", "origin"]',
            "slices = [1]",
            "key 'slices' = 1: Input should be a valid string. It is: list of feat",
        ),
        (
            'slices = ["carrier", "origin"]',
            'slices = "carrier"',
            "key 'slices' = 'carrier': Input .* It is: list of features",
        ),
        ("retries = 3", f"retries = {'1' * 5000}", "night.toml: not a TOML file: Exceeds the limit"),
        ("retries = 3", f"retries = {'[' * 5000}", "night.toml: not a TOML file: maximum recursion"),
    ],
)
def test_each_mistake_names_file_key_and_remedy(
    tmp_path: Path, said: str, instead: str, complaint: str
) -> None:
    assert said in GOOD
    with pytest.raises(JobError, match=complaint):
        read(tmp_path, GOOD.replace(said, instead))


def test_a_section_that_is_none_is_named(tmp_path: Path) -> None:
    text = GOOD.split("[extract]")[0] + "extract = 3\n[model]\nname = 'm'\n"
    with pytest.raises(JobError, match="night.toml: key 'extract' = 3"):
        read(tmp_path, text)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "night.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(JobError, match="night.toml: not a TOML file"):
        loader.read(tmp_path / "night.toml")


def test_a_byte_order_mark_is_read_over_or_named(tmp_path: Path) -> None:
    assert read(tmp_path, f"\ufeff{MINIMAL}").owner == "us"
    path = tmp_path / "night.toml"
    path.write_bytes(MINIMAL.encode("utf-16"))
    with pytest.raises(
        JobError, match=r"night\.toml: not a TOML file: .* \(BOM\) of UTF-16\. Save it as UTF-8"
    ):
        loader.read(path)


def test_a_folder_is_no_job_file(tmp_path: Path) -> None:
    (tmp_path / "night.toml").mkdir()
    with pytest.raises(JobError, match="night.toml: cannot be read: Is a directory. Make it a plain file"):
        loader.find(tmp_path, "night")


def test_a_file_name_that_is_no_word_is_refused(tmp_path: Path) -> None:
    (tmp_path / "My-Job.toml").write_text(GOOD)
    with pytest.raises(JobError, match="My-Job.toml: a job's file name is a lower-case word"):
        loader.read(tmp_path / "My-Job.toml")


def test_an_unknown_job_is_named_with_its_nearest(tmp_path: Path) -> None:
    read(tmp_path, GOOD)
    with pytest.raises(JobError, match=r"no job 'nigth' in .*. Did you mean 'night'\? Known: night"):
        loader.find(tmp_path, "nigth")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.lists(st.integers())
    | st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), max_size=2)
)
KEYS = st.sampled_from(sorted(Job.model_fields)) | st.text(max_size=5)
SECTION = st.dictionaries(KEYS, SCALARS, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=200)
@given(st.dictionaries(KEYS, SCALARS | SECTION, max_size=6), st.booleans())
def test_no_document_gives_anything_but_a_job_or_a_job_error(
    tmp_path: Path, changes: dict[str, object], alone: bool
) -> None:
    said = changes if alone else {**tomllib.loads(GOOD), **changes}
    text = "\n".join(f"{_toml(key)} = {_toml(value)}" for key, value in said.items() if value is not None)
    try:
        assert read(tmp_path, text).name == "night"
    except JobError as error:
        assert "night.toml" in str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=200)
@given(st.integers(0, len(GOOD)), st.integers(0, 20), st.text(st.characters(codec="utf-8"), max_size=6))
def test_no_slip_of_the_hand_gives_anything_but_a_job_or_a_job_error(
    tmp_path: Path, place: int, cut: int, typed: str
) -> None:
    try:
        assert read(tmp_path, GOOD[:place] + typed + GOOD[place + cut :]).name == "night"
    except JobError as error:
        assert "night.toml" in str(error)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return (
            '"' + "".join(f"\\U{ord(sign):08X}" for sign in value if not 0xD800 <= ord(sign) < 0xE000) + '"'
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items() if item is not None)
        return "{" + inner + "}"
    return str(value)
