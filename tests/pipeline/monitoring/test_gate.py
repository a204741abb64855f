"""pipeline/monitoring/gate.py: a run that is beyond a limit of its gate is held, or published with a warning."""

from datetime import date

import pytest

from pipeline.config.sections import GateSection
from pipeline.monitoring.gate import apply_gate
from pipeline.monitoring.score_summary import ScoreSummary
from pipeline.payloads import Cost, Deployment, Finding, Run
from tests.pipeline.monitoring.test_score_summary import batch


@pytest.mark.parametrize(
    ("gate", "scored", "rejected", "reasons"),
    [
        (GateSection(min_rows=90, max_rejected_fraction=0.1), 90, 10, ()),
        (GateSection(min_rows=91), 90, 0, ("90 rows were scored, and gate.min_rows is 91",)),
        (
            GateSection(max_rejected_fraction=0.09),
            90,
            10,
            ("10 of 100 rows were rejected (10.0%), and gate.max_rejected_fraction is 0.09",),
        ),
        (
            GateSection(min_rows=1, max_rejected_fraction=0),
            0,
            3,
            (
                "0 rows were scored, and gate.min_rows is 1",
                "3 of 3 rows were rejected (100.0%), and gate.max_rejected_fraction is 0.0",
            ),
        ),
        (GateSection(min_rows=0), 0, 0, ()),
    ],
)
def test_the_gate_gives_every_reason(
    gate: GateSection, scored: int, rejected: int, reasons: tuple[str, ...]
) -> None:
    verdict = apply_gate(gate, counted(scored, rejected), ScoreSummary(rows=scored))
    assert verdict.reasons == reasons
    assert verdict.passed == (not reasons)


def test_a_check_that_warns_is_told_and_holds_nothing() -> None:
    verdict = apply_gate(GateSection(rejected_fraction="warn"), counted(1, 1), ScoreSummary(rows=1))
    message = "1 of 2 rows were rejected (50.0%), and gate.max_rejected_fraction is 0.05"
    assert verdict.findings == (Finding(check="rejected_fraction", action="warn", message=message),)
    assert verdict.passed
    assert verdict.reasons == ()


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        ([0.25] * 20, ("all 20 rows have the very same score, 0.25",)),
        ([0.25] * 19, ()),
        ([0.25] * 19 + [0.250001], ()),
    ],
)
def test_a_score_that_is_the_same_for_all_is_found(scores: list[float], found: tuple[str, ...]) -> None:
    summary = ScoreSummary()
    for score in scores:
        summary.add(batch([score], [None]))
    assert apply_gate(GateSection(), counted(len(scores), 0), summary).reasons == found
    warned = apply_gate(GateSection(constant_score="warn"), counted(len(scores), 0), summary)
    assert warned.passed
    assert tuple(finding.message for finding in warned.findings) == found


def counted(scored: int, rejected: int) -> Run:
    """A run of so many rows."""
    return Run(
        run_id=1,
        job="shop",
        score_date=date(2024, 3, 1),
        dry_run=False,
        model_name="shop",
        model_version=1,
        model_sha256="",
        deployment=Deployment(code_version="c", pipeline_version="0", job_sha256="j", query_sha256="q"),
        parts=(),
        rows_extracted=scored + rejected,
        rows_rejected=rejected,
        features={},
        forecast={},
        cost=Cost(seconds=0, peak_mb=0),
    )
