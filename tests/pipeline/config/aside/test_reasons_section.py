"""pipeline/config/aside/reasons_section.py: what a job file may say of reasons."""

import pytest

from pipeline.config.aside.reasons_section import ReasonsSection
from pipeline.config.job import JobError
from tests.home import Home


def test_it_is_off_and_has_its_defaults(home: Home) -> None:
    name = home.job("SELECT 1", "shop")
    path = home.path / "dags" / f"{name}.toml"
    text = path.read_text()
    assert home.read(name).reasons is None
    path.write_text(f"{text}\n[reasons]\n")
    assert home.read(name).reasons == ReasonsSection(
        top=3, rows=1, orders=32, groups={}, time_limit_minutes=30
    )
    path.write_text(f'{text}\n[reasons]\nrows = 0.1\n\n[reasons.groups]\nweather = ["temp", "humid"]\n')
    section = home.read(name).reasons
    assert section is not None
    assert (section.rows, section.groups) == (0.1, {"weather": ("temp", "humid")})
    path.write_text(f'{text}\n[reasons]\nrows = "changed"\n')
    section = home.read(name).reasons
    assert section is not None
    assert section.rows == "changed"


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("orders = 7", "reasons.orders.*is odd, and orders come in pairs"),
        ("orders = 66", "reasons.orders"),
        (
            'groups."a b" = ["temp", "humid"]',
            "key 'reasons.groups.a b' = 'a b': .*It is: columns that move together",
        ),
        ("top = 0", "reasons.top"),
        ("rows = 0.0", "reasons.rows"),
        ('rows = "all"', "reasons.rows"),
        ('groups = { weather = ["temp"] }', "reasons.groups"),
        (
            'groups = { weather = ["temp", "wind"], air = ["wind", "humid"] }',
            "reasons.groups.*names wind twice",
        ),
        ("time_limit_minutes = 0", "reasons.time_limit_minutes"),
    ],
)
def test_what_cannot_be_is_refused(home: Home, lines: str, complaint: str) -> None:
    name = home.job("SELECT 1", "shop")
    path = home.path / "dags" / f"{name}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\n{lines}\n")
    with pytest.raises(JobError, match=complaint):
        home.read(name)
