"""What tasks of reasons hand on is plain JSON, and says how scores are explained."""

import json

import pytest

from pipeline.attribution.players import GroupError
from pipeline.config.aside.reasons_section import ReasonsSection
from pipeline.model.manifest import PinnedVersion
from pipeline.reasons.work import Outcome, Settings, read
from tests.home import Home, shop_model


@pytest.fixture
def pinned(home: Home) -> PinnedVersion:
    """A registered model."""
    return home.model("shop", *shop_model())


def test_settings_come_back_from_json_and_give_the_columns_as_they_move(pinned: PinnedVersion) -> None:
    section = ReasonsSection(top=2, groups={"habits": ("visits", "member")})
    settings = Settings.of(section, least=0.5, keep_values=False)
    assert Settings.read(json.loads(json.dumps(settings.json_value()))) == settings
    assert [player.name for player in settings.players(pinned.manifest)] == ["amount", "habits", "channel"]
    wrong = settings.model_copy(update={"groups": {"habits": ("visits", "weather")}})
    with pytest.raises(
        GroupError, match="habits names column 'weather', which model shop version 1 does not take"
    ):
        wrong.players(pinned.manifest)


def test_a_part_that_left_nothing_stays_none() -> None:
    outcome = Outcome(number=1, wanted=3)
    assert read(Outcome, [outcome.json_value(), None]) == [outcome, None]
