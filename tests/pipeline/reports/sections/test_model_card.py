"""pipeline/reports/sections/model_card.py: a card is read from the model store only."""

from pathlib import Path

from pipeline.reports.sections.model_card import card
from tests.home import Home


def test_a_card_is_read_from_the_model_store_only(home: Home, tmp_path: Path) -> None:
    (tmp_path / "MODEL_CARD.md").write_text("secret")
    (home.path / "models" / "link").symlink_to(tmp_path)
    (home.path / "models" / "m" / "1").mkdir(parents=True)
    (home.path / "models" / "m" / "1" / "MODEL_CARD.md").write_text("| a |\n|---|\n| b |")
    assert "<table>" in str(card(home.path, "m", 1))
    for name in ("../..", "link", "/etc", "missing"):
        assert card(home.path, name, 1) is None
