"""The demo's story in words: what became of a score date, and which commands go on from there."""

from dataclasses import replace
from datetime import date

import pytest

from local.story import SCORE_DATES, Chapter, commands, is_told, missing, most_unusual, unmeasured

FIRST, SECOND, THIRD, STORM, HOLIDAY = SCORE_DATES
USUAL = Chapter(1, FIRST, "published", None, 966, 0, 0.7, (), ())
UNUSUAL = replace(USUAL, run_id=4, score_date=STORM, findings=("unusual features: precip: PSI 4.889",))
FEW = "634 rows were scored, and gate.min_rows is 650"
HELD = replace(USUAL, run_id=5, score_date=HOLIDAY, status="held", auc=None, held=(FEW,), findings=(FEW,))
STORY = [
    USUAL,
    replace(USUAL, run_id=2, score_date=SECOND),
    replace(USUAL, run_id=3, score_date=THIRD),
    UNUSUAL,
    HELD,
]


@pytest.mark.parametrize(
    ("chapter", "verdict"),
    [
        (USUAL, "published as usual"),
        (UNUSUAL, "published, but unusual: precip: PSI 4.889"),
        (HELD, f"held: {FEW}"),
        (replace(HELD, status="published", decided_by="ada"), "held, then approved by ada"),
        (replace(HELD, status="abandoned", decided_by="ada"), "held, then rejected by ada"),
    ],
)
def test_a_verdict_is_a_plain_sentence(chapter: Chapter, verdict: str) -> None:
    assert chapter.verdict == verdict


@pytest.mark.parametrize(
    ("chapters", "left", "to_measure"),
    [
        ([], list(SCORE_DATES), []),
        ([USUAL], [SECOND, THIRD, STORM, HOLIDAY], []),
        ([replace(USUAL, auc=None)], [SECOND, THIRD, STORM, HOLIDAY], [FIRST]),
        (STORY, [], []),
        ([*STORY[:4], replace(HELD, status="published", decided_by="ada")], [], [HOLIDAY]),
    ],
)
def test_only_what_is_missing_is_left_to_run(
    chapters: list[Chapter], left: list[date], to_measure: list[date]
) -> None:
    assert (missing(chapters), unmeasured(chapters)) == (left, to_measure)
    assert is_told(chapters) is (not left and not to_measure)


def test_the_commands_name_the_runs_that_are_there() -> None:
    assert list(commands(STORY, "flight_delay")) == [
        "runs flight_delay",
        "diff 1 2",
        "reproduce 1",
        "show 4",
        'approve 5 --reason "Thanksgiving has fewer flights than any other day"',
    ]
    renumbered = [replace(one, run_id=one.run_id + 7) for one in STORY]
    assert list(commands(renumbered, "flight_delay"))[1:4] == ["diff 8 9", "reproduce 8", "show 11"]


def test_what_is_decided_is_not_to_be_approved_again() -> None:
    decided = [*STORY[:4], replace(HELD, status="published", decided_by="ada")]
    assert list(commands(decided, "flight_delay"))[-1] == "report 5"


def test_the_report_is_of_the_run_that_was_published_though_unusual() -> None:
    assert most_unusual(STORY) == 4
    assert most_unusual(STORY[:3]) == 3
