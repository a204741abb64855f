"""pipeline/reports/sections/sources.py: files of the home alone, and whether a run was made with them."""

import hashlib
from pathlib import Path

from pipeline.reports.sections import sources as module
from pipeline.reports.sections.sources import sources
from tests.home import Home


def test_a_file_that_is_gone_or_outside_of_the_home_is_left_out(home: Home, tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text("secret")
    for job in ("never", "../../secret", "/etc/hostname", "a\0b"):
        assert sources(home.path, {"job": job, "job_sha256": "", "query_sha256": ""}) == []
    (home.path / "dags" / "linked.toml").symlink_to(tmp_path / "secret.toml")
    assert sources(home.path, {"job": "linked", "job_sha256": "", "query_sha256": ""}) == []


def test_a_broken_job_file_is_shown_without_its_query(home: Home) -> None:
    (home.path / "dags" / "broken.toml").write_text("owner = ")
    digest = hashlib.sha256(b"owner = ").hexdigest()
    [only] = sources(home.path, {"job": "broken", "job_sha256": digest, "query_sha256": ""})
    assert (only.name, only.text, only.is_the_runs) == ("dags/broken.toml", "owner = ", True)


def test_a_query_is_the_runs_whatever_its_line_ends_and_a_long_one_is_cut(home: Home) -> None:
    job = home.job("SELECT 1", "shop")
    long = "SELECT 1 -- " + "x" * module.MOST
    for text in ("SELECT\n1", long):
        (home.path / "sql" / f"{job}.sql").write_bytes(text.replace("\n", "\r\n").encode())
        digest = hashlib.sha256(text.encode()).hexdigest()
        _, query = sources(home.path, {"job": job, "job_sha256": "", "query_sha256": digest})
        assert query.is_the_runs
        assert ("[cut here: the whole file has " in query.text) == (text is long)
