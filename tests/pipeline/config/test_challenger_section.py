"""pipeline/config/challenger_section.py: a challenger has an alias of its own, and a time limit."""

import pytest

from pipeline.config.challenger_section import ChallengerSection
from pipeline.config.job import JobError
from tests.home import Home


def test_it_has_an_alias_and_a_limit_and_is_not_the_champion(home: Home) -> None:
    name = home.job("SELECT 1", "shop")
    path = home.path / "dags" / f"{name}.toml"
    text = path.read_text()
    assert home.read(name).challenger is None
    path.write_text(f"{text}\n[challenger]\n")
    assert home.read(name).challenger == ChallengerSection(alias="challenger", time_limit_minutes=30)
    path.write_text(f'{text}\n[challenger]\nalias = "champion"\n')
    with pytest.raises(
        JobError, match="challenger.*names the alias 'champion' of the version that is published"
    ):
        home.read(name)
    path.write_text(f"{text}\n[challenger]\ntime_limit_minutes = 0\n")
    with pytest.raises(JobError, match="challenger.time_limit_minutes"):
        home.read(name)
