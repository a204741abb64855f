"""Names, numbers and texts of a job file are checked when it is read."""

from pathlib import Path

import pytest

from pipeline.config.job import JobError
from tests.pipeline.config.job_files import MINIMAL, read, refused


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "[gate]",
            "[gate]\ndeciders = ['ada', 'ada']",
            r"key 'gate.deciders' = .*: names ada twice. It is: list of the",
        ),
        ("[gate]", "[gate]\ndeciders = [' ']", "key 'gate.deciders' = ' ': String should match pattern"),
        ("[gate]", '[gate]\ndeciders = ["\\u200b"]', "key 'gate.deciders' = .*: has no letter or digit"),
        ("[gate]", '[gate]\ndeciders = ["\\u0301"]', "key 'gate.deciders' = .*: has no letter or digit"),
        ('"flight-operations"', '"  "', "key 'owner' = '  ': has no letter or digit, so nobody can read it"),
        ('"flight-operations"', '""', "key 'owner' = '': String should have at least 1"),
        (
            '"0 2 * * *"',
            '"nightly"',
            "key 'schedule' = 'nightly': is not a cron expression of five fields, such as",
        ),
        ('"0 2 * * *"', '"0 25 * * *"', "key 'schedule' = '0 25"),
        ("America/New_York", "New York", "key 'timezone' = 'New York': is not an IANA time zone"),
        ("2013-07-01", '"soon"', "key 'start_date' = 'soon'"),
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
            '"flight_delay/business.sql"',
            '"../b.sql"',
            "key 'outcomes.business' = '../b.sql': is not a .sql file inside",
        ),
        ('"0 2 * * *"', '"0 0 31 2 *"', "key 'schedule' = '0 0 31 2 [*]': names a day that never comes"),
        ('"0 2 * * *"', '"R 2 * * *"', "key 'schedule' = 'R 2 .*': is not a cron expression"),
        ("America/New_York", "localtime", "key 'timezone' = 'localtime': is not an IANA time zone"),
        ("America/New_York", "Factory", "key 'timezone' = 'Factory': is not an IANA time zone"),
        ("2013-12-31", "9999-12-31", "key 'end_date' = .*: Input should be less than 2200-01-01"),
        ("2013-07-01", "0001-01-01", "key 'start_date' = .*: Input should be greater than or equal to 1970"),
        ('"flight-operations"', f'"{"x" * 101}"', "key 'owner' = .*: String should have at most 100"),
        ('"flight-operations"', '"a\\u0000b"', "key 'owner' = .*: String should match pattern"),
        ("2013-07-01", "1372636800", "key 'start_date' = 1372636800: Input should be a valid date"),
        ("2013-07-01", '"2013-07-01"', "key 'start_date' = '2013-07-01': Input should be a valid date"),
        ("features.sql", "features.sql\\u0000", "is not a .sql file inside sql/"),
        ("features.sql", "\\u0000.sql", "is not a .sql file inside sql/"),
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
    ],
)
def test_a_wrong_value_is_named_with_file_key_and_remedy(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    refused(tmp_path, old, new, complaint)


@pytest.mark.parametrize("name", ["山田", "7", "ädä", "مريم"])
def test_people_and_teams_have_names_of_any_script(tmp_path: Path, name: str) -> None:
    job = read(tmp_path, MINIMAL.replace('"us"', f'"{name}"') + f'[gate]\ndeciders = ["{name}"]\n')
    assert (job.owner, job.gate.deciders) == (name, (name,))


@pytest.mark.parametrize(
    "query", ["../n.sql", "a/../../n.sql", "/n.sql", "..", "", "n.SQL", "n.sql/", "n.sql\\n"]
)
def test_a_query_outside_of_the_folder_of_queries_is_refused(tmp_path: Path, query: str) -> None:
    with pytest.raises(
        JobError, match="night.toml: key 'extract.query' = .*: is not a .sql file inside sql/"
    ):
        read(tmp_path, MINIMAL.replace("n.sql", query))
