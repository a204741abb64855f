"""pipeline/challenger/sentences.py: what a person reads of a comparison is true of either side."""

from datetime import date

from pipeline.challenger import sentences
from pipeline.challenger.comparison import Comparison, Day, Losses
from pipeline.challenger.paired_test import Paired


def compared(together: Paired, losing: dict[tuple[str, str | None], Paired], *, seen: bool = False) -> str:
    lost = Losses(40, 0.5, 0.4)
    day = Day(date(2024, 3, 1), 7, 1, 50, 2, lost, {}, 0.25, None, seen)
    return " ".join(sentences.of(Comparison("shop", 2, "log_loss", [day], together, losing, 3)))


def test_a_difference_is_said_with_its_side_and_its_interval() -> None:
    assert compared(Paired(30, 0.02, 0.01, 0.03, 1.5, "better"), {}) == (
        "shop version 2 beside what was published, on 30 dates: better. Its log_loss is 0.0200 lower a day, between "
        "0.0300 lower and 0.0100 lower; the evidence has 150% of its limit. In none of 3 groups is it worse by more "
        "than chance."
    )


def test_groups_that_lose_are_named_and_dates_of_training_are_not_counted() -> None:
    text = compared(
        Paired(1, -0.1, None, None, 0.1, "undecided"),
        {("channel", "web"): Paired(30, -0.02, -0.03, -0.01, 1.5, "worse")},
        seen=True,
    )
    assert (
        "on 1 date: undecided. Its log_loss is 0.1000 higher a day, with too few dates for an interval"
        in text
    )
    assert "Not counted: 1 date on which one of the versions was trained." in text
    assert (
        "It is worse where channel is web: by 0.0200 a day, between 0.0100 higher and 0.0300 higher." in text
    )


def test_a_comparison_without_dates_says_so() -> None:
    text = compared(Paired(0, 0, None, None, 0, "undecided"), {}, seen=True)
    assert text.startswith(
        "shop version 2: no date has enough outcomes that neither version has seen in training."
    )


def test_a_date_is_a_line_of_the_table() -> None:
    day = Day(date(2024, 3, 1), 7, 1, 50, 2, Losses(40, 0.5, 0.4), {}, 0.25, None, False)
    assert sentences.figures(day) == {
        "run": 7, "entities": 50, "outcomes": 40, "published": "0.5000", "replayed": "0.4000", "lower_by": "0.1000",
        "decile_moved": "25.0%", "relabelled": None, "refused": 2,
    }  # fmt: skip
