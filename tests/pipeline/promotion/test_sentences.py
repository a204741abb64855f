"""pipeline/promotion/sentences.py: what to do next depends on the alias, the job's fallback and the evidence."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from pipeline.monitoring.first_run.evidence import Drift
from pipeline.promotion import sentences
from pipeline.promotion.evidence import Gathered
from pipeline.promotion.promote import AliasChange
from tests.pipeline.monitoring.first_run.promotions import evidence_of


def wanted(alias: str) -> AliasChange:
    former, version = (SimpleNamespace(manifest=SimpleNamespace(version=number)) for number in (1, 2))
    return AliasChange("shop", alias, cast(Any, former), cast(Any, None), cast(Any, version))


def steps(alias: str, fallback: str, dates: int) -> str:
    job = cast(Any, SimpleNamespace(name="nightly", fallback=fallback))
    gathered = [Gathered(job, evidence_of("nightly", dates), None, ())]
    path = Path("/home/models/shop/promotions/x.json")
    return "\n".join(sentences.next_steps(wanted(alias), gathered, path, Path("/home")))


def test_what_to_do_next_is_said() -> None:
    text = steps("champion", "none", 12)
    assert text == (
        "The evidence is kept: models/shop/promotions/x.json\n"
        "Commit models/shop, have it reviewed, and deploy it. To take it back: scoring promote shop --undo"
    )
    assert "nightly falls back on champion_previous, whose line stays as it is." in steps(
        "champion", "champion_previous", 12
    )
    assert steps("trial", "none", 9).endswith(
        "scoring promote shop --undo --alias trial\nThe first run of nightly is not held for its scores: too few dates "
        "say how far they may move. It is published with a finding."
    )


def test_drift_is_said_of_both_versions() -> None:
    evidence = evidence_of("nightly").model_copy(update={"version_drift": Drift(unusual=2, of=12)})
    lines = list(sentences._moves(evidence, 1, 2))
    assert lines[1:] == [
        "Training kept no scores of version 1, so no run looks at their drift.",
        "Beside its training days, the scores of version 2 are unusual on 2 of 12 dates.",
    ]
    assert lines[0] == (
        "Of 1200 entities 0 (0.0%) move to another tenth of their day's scores, and 0 (0.0%) get another label."
    )
    regression = evidence.model_copy(update={"relabelled": None})
    assert next(sentences._moves(regression, 1, 2)).endswith("another tenth of their day's scores.")
