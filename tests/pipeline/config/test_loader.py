"""Every file becomes a job or an error that names file, key and remedy."""

import difflib
import hashlib
import tomllib
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import loader
from pipeline.config.job import Job, JobError
from tests.pipeline.config.job_files import GOOD, MINIMAL, ROOT, read, refused


def test_the_shipped_jobs_can_be_read() -> None:
    jobs = [loader.read(path) for path in loader.files(ROOT / "dags")]
    assert [job.name for job in jobs] == ["flight_delay"]


def test_the_digest_changes_with_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, MINIMAL).sha256 == hashlib.sha256(MINIMAL.encode()).hexdigest()
    assert read(tmp_path, GOOD).sha256 != read(tmp_path, GOOD + "\n# reviewed\n").sha256


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
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
        (
            "[gate]",
            "[contract]\nnul = 'warn'\n[gate]",
            r"key 'contract.nul' is unknown. Did you mean 'null'\? Known: type",
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
            "delay_days = 2",
            "",
            "key 'outcomes.delay_days' is missing. Add it: days after the score date until outcomes",
        ),
        ("delay_days", "days", r"key 'outcomes.days' is unknown. Known: query, delay_days, column"),
        (
            "delay_days = 2",
            "delay_days = 2\nbusines = 'a.sql'",
            r"busines' is unknown. Did you mean 'business'\?",
        ),
        ("[gate]", "[gate", "night.toml: not a TOML file"),
        ("catchup", "sha256", "key 'sha256' is not yours to set"),
        ("owner", "name", "key 'name' is not yours to set. Remove it: it comes from the file"),
        ("retries = 3", f"retries = {'1' * 5000}", "night.toml: not a TOML file: Exceeds the limit"),
        ("retries = 3", f"retries = {'[' * 5000}", "night.toml: not a TOML file: maximum recursion"),
    ],
)
def test_a_wrong_key_is_named_with_file_and_remedy(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    refused(tmp_path, old, new, complaint)


@pytest.mark.parametrize(
    "key", ["owner", "schedule", "start_date", "description", "extract.query", "model.name"]
)
def test_a_key_that_must_be_there_is_named_with_its_meaning(tmp_path: Path, key: str) -> None:
    *_, last = key.split(".")
    kept = [line for line in MINIMAL.splitlines() if not line.startswith(f"{last} =")]
    assert len(kept) == len(MINIMAL.splitlines()) - 1
    with pytest.raises(JobError, match=rf"night.toml: key '{key}' is missing. Add it: .+\."):
        read(tmp_path, "\n".join(kept))


def test_every_mistake_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    text = MINIMAL.replace("owner", "ownr").replace("0 2 * * *", "nightly").replace("n.sql", "n.txt")
    with pytest.raises(JobError) as error:
        read(tmp_path, text)
    lines = str(error.value).splitlines()
    assert all(line.startswith("night.toml: key ") for line in lines)
    assert {line.split("'")[1] for line in lines} == {"ownr", "owner", "schedule", "extract.query"}


INLINE = {
    "extract": '{query = "n.sql"}',
    "model": '{name = "m"}',
    "contract": "{}",
    "write": "{}",
    "gate": "{}",
}


@pytest.mark.parametrize("section", ["extract", "model", "contract", "write", "gate"])
@pytest.mark.parametrize("scalar", ["3", "'text'", "true", "[]", "2024-01-01", "nan"])
def test_a_section_that_is_a_value_is_named(tmp_path: Path, section: str, scalar: str) -> None:
    head, _, _ = MINIMAL.partition("[")
    others = "".join(f"{name} = {text}\n" for name, text in INLINE.items() if name != section)
    with pytest.raises(
        JobError, match=f"night.toml: key '{section}' = .*: Input should be a valid dictionary"
    ):
        read(tmp_path, f"{head}{section} = {scalar}\n{others}")


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
    document = changes if alone else {**tomllib.loads(GOOD), **changes}
    text = "\n".join(f"{_toml(key)} = {_toml(value)}" for key, value in document.items() if value is not None)
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


def test_of_many_unknown_keys_the_first_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = "".join(f"retry_delay_{number} = 1\n" for number in range(20_000))
    # A comparison takes a tenth of a millisecond for each key that there is, so it is made for those alone.
    compared = Mock(wraps=difflib.get_close_matches)
    monkeypatch.setattr(difflib, "get_close_matches", compared)
    with pytest.raises(JobError) as refused:
        read(tmp_path, keys + MINIMAL)
    lines = str(refused.value).splitlines()
    assert len(lines) == 21
    assert "'retry_delay_0' is unknown. Did you mean" in lines[0]
    assert lines[-1] == "night.toml: 19980 more errors. Correct these first, and read the file again."
    assert compared.call_count <= 20
