"""pipeline/reports/cards/card.py: people's words stay, records follow, and what is missing is said."""

from datetime import date

from pipeline.model import registry
from pipeline.reports.cards.card import card
from pipeline.reports.cards.quality import Group, Job
from tests.home import Home
from tests.pipeline.monitoring.first_run.promotions import evidence_of, keep, promotion_of
from tests.pipeline.shop import open_shop


def test_the_words_of_its_people_come_first_and_records_after(home: Home) -> None:
    open_shop(home)
    path = home.path / "models" / "shop" / "1" / "MODEL_CARD.md"
    path.write_text("# shop\n\n**Intended use.** Letters to customers, and no credit.\n")
    groups = [
        Group("", "", 200, {"accuracy": 0.9, "log_loss": 0.25, "roc_auc": 0.8}),
        Group("channel", None, 3, {"mae": 2.0}),
        Group("channel", "a|b", 100, {"accuracy": 1.0}),
    ]
    job = Job("nightly", [date(2024, 3, 2), date(2024, 3, 1)], 2, 1, 1, groups, {"drift": 2})
    text = card(home.path, "shop", 1, [job])
    assert text.startswith("# shop\n\n**Intended use.** Letters to customers, and no credit.\n\n---\n")
    for line in (
        "| task | binary, 4 features |",
        "| query of the training rows | not recorded |",
        "| training rows | not recorded: registered without training days |",
        "None were given.",
        "The last 2 published dates that it scored (at most 28), 2024-03-01 to 2024-03-02; 2 of them have outcomes",
        "1 more have outcomes of dates on which it was trained, which are left out.",
        "Quality alarm on 1 of 2 measured dates.",
        "| entities | outcomes | accuracy | log loss | ROC AUC | MAE |",
        "| all | 200 | 90.0% (85.1 to 93.4) | 0.25 | 0.8 |  |",
        "| channel: none | 3 |  |  |  | 2 |",
        "| channel: a\\|b | 100 | 100.0% (96.3 to 100.0) |  |  |  |",
        "Findings of the gate: drift on 2.",
        "Aliases that name it: champion.",
        "No evidence of a promotion is recorded.",
    ):
        assert f"{line}" in text
    assert path.read_text().endswith("no credit.\n")


def test_what_is_not_there_is_said_to_be_missing_and_a_promotion_is_shown(home: Home) -> None:
    open_shop(home)
    (home.path / "models" / "shop" / "1" / "MODEL_CARD.md").unlink()
    pinned = registry.resolve(home.path, "shop", "champion")
    record = keep(home.path, promotion_of(pinned, 7, evidence_of("nightly"), reason="better"))
    text = card(home.path, "shop", 1, "Not known: nobody could be asked.")
    assert text.startswith(
        "# shop version 1\n\nNobody wrote a card: MODEL_CARD.md is missing, so no use is stated."
    )
    assert "\nNot known: nobody could be asked.\n" in text
    assert (
        "- ada promoted it to champion after version 7, because: better.\n"
        "  - nightly: better on 12 dates, log_loss -0.0100 a day; groups in which it is worse: none; 0.0% of entities"
    ) in text
    record.write_text("{}")
    assert "champion-1.json cannot be used" in card(home.path, "shop", 1, [])
    assert "No run of this version is published." in card(home.path, "shop", 1, [])
